package dev.gust.runtime.layer;

import dev.gust.formats.DeviceException;
import dev.gust.kernels.layer.GroupTokens;
import dev.gust.kernels.layer.PortableTokens;
import dev.gust.kernels.layer.TokenShape;
import dev.gust.runtime.kernel.Kernel;
import dev.gust.runtime.kernel.KernelCall;
import dev.gust.runtime.kernel.KernelDevice;
import dev.gust.runtime.kernel.KernelProgram;
import dev.gust.runtime.kernel.KernelStyle;
import dev.gust.runtime.kernel.KernelTimes;
import dev.gust.runtime.kernel.NativeArrays;
import java.lang.foreign.MemorySegment;
import java.util.List;
import uk.ac.manchester.tornado.api.KernelContext;
import uk.ac.manchester.tornado.api.TaskGraph;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;

/** Sums of rows by a kernel. All tables lie behind one another in one array, so that there is one kernel for any number. */
final class KernelEmbedding implements EmbeddingPlan {
    private final Embedding embedding;
    private final int most;
    private final int[] firsts;
    private final IntArray shape = new IntArray(TokenShape.LENGTH);
    private final IntArray ids;
    private final FloatArray table;
    private final FloatArray y;
    private final KeptProgram program;
    private boolean closed;

    KernelEmbedding(KernelDevice device, Embedding embedding, int most, KernelStyle style) {
        this.embedding = embedding;
        this.most = most;
        List<MemorySegment> tables = embedding.tables();
        long bytes = tables.stream().mapToLong(MemorySegment::byteSize).sum();
        if (bytes > Math.min(device.maxArrayBytes(), NativeArrays.MAX_WORDS * Float.BYTES)) {
            throw new DeviceException(
                    device.id().toString(),
                    "tables of " + bytes + " bytes are more than one of its arrays holds",
                    "use the jvm device, which reads them where they lie");
        }
        NativeArrays arrays = device.arrays();
        this.firsts = new int[tables.size()];
        this.table = tables.size() == 1 ? arrays.floats(tables.getFirst()) : arrays.floats(bytes / Float.BYTES);
        long at = 0;
        for (int j = 0; j < firsts.length; j++) {
            firsts[j] = (int) (at / Float.BYTES / embedding.width());
            if (firsts.length > 1) {
                MemorySegment.copy(
                        tables.get(j), 0, table.getSegment(), at, tables.get(j).byteSize());
                device.copies().add(tables.get(j).byteSize());
            }
            at += tables.get(j).byteSize();
        }
        this.ids = new IntArray(Math.max(1, most * firsts.length));
        this.y = arrays.floats((long) most * embedding.width());
        shape.set(TokenShape.ROWS, 0);
        KernelCall call = style == KernelStyle.TUNED
                ? KernelCall.tuned("embed", new Groups(this), TokenRows.grid(most, embedding.width()))
                : KernelCall.portable("embed", new Portable(this));
        this.program = new KeptProgram(
                device,
                new KernelProgram(
                        "embedding", List.of(call), List.of(table), List.of(shape, ids), List.of(y), List.of()));
    }

    @Override
    public synchronized KernelTimes run(int[] wanted, int rows, MemorySegment to) {
        if (closed) {
            throw new IllegalStateException("the plan of an embedding is closed");
        }
        embedding.check(wanted, most, rows, to);
        if (rows == 0) {
            return KernelTimes.ofTotal(0);
        }
        long start = System.nanoTime();
        shape.set(TokenShape.ROWS, rows);
        for (int i = 0; i < wanted.length; i++) {
            ids.set(i, firsts[i % firsts.length] + wanted[i]);
        }
        KernelTimes times = program.execute();
        MemorySegment.copy(y.getSegment(), 0, to, 0, to.byteSize());
        return new KernelTimes(times.kernel(), times.transfer(), times.compile(), System.nanoTime() - start);
    }

    @Override
    public synchronized void close() {
        closed = true;
        program.close();
    }

    private record Portable(KernelEmbedding e) implements Kernel {
        @Override
        public void run(KernelContext context) {
            PortableTokens.embedPortable(e.shape, e.ids, e.table, e.y, e.embedding.width(), e.firsts.length, e.most);
        }

        @Override
        public TaskGraph addTo(TaskGraph graph, String task, KernelContext context) {
            return graph.task(
                    task,
                    PortableTokens::embedPortable,
                    e.shape,
                    e.ids,
                    e.table,
                    e.y,
                    e.embedding.width(),
                    e.firsts.length,
                    e.most);
        }
    }

    private record Groups(KernelEmbedding e) implements Kernel {
        @Override
        public void run(KernelContext context) {
            GroupTokens.embedGroups(
                    context, e.shape, e.ids, e.table, e.y, e.embedding.width(), e.firsts.length, e.most);
        }

        @Override
        public TaskGraph addTo(TaskGraph graph, String task, KernelContext context) {
            return graph.task(
                    task,
                    GroupTokens::embedGroups,
                    context,
                    e.shape,
                    e.ids,
                    e.table,
                    e.y,
                    e.embedding.width(),
                    e.firsts.length,
                    e.most);
        }
    }
}
