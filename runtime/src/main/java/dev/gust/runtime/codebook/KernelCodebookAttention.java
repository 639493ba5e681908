package dev.gust.runtime.codebook;

import dev.gust.kernels.codebook.CodebookSizes;
import dev.gust.kernels.codebook.PortableCodebookAttention;
import dev.gust.runtime.kernel.Kernel;
import dev.gust.runtime.kernel.KernelCall;
import dev.gust.runtime.kernel.KernelDevice;
import dev.gust.runtime.kernel.KernelPlan;
import dev.gust.runtime.kernel.KernelProgram;
import dev.gust.runtime.kernel.KernelTimes;
import dev.gust.runtime.kernel.NativeArrays;
import java.lang.foreign.MemorySegment;
import java.util.List;
import uk.ac.manchester.tornado.api.KernelContext;
import uk.ac.manchester.tornado.api.TaskGraph;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;

/** Attention over a codebook by three kernels: nearest entries, scores of entries, and the walk through each sequence. */
final class KernelCodebookAttention implements CodebookAttentionPlan {
    private final CodebookAttention attention;
    private final int rows;
    private final int columns;
    private final IntArray sizes = new IntArray(CodebookSizes.LENGTH);
    private final FloatArray q;
    private final FloatArray k;
    private final FloatArray v;
    private final FloatArray codebook;
    private final FloatArray halfNorms;
    private final FloatArray bias;
    private final IntArray ids;
    private final FloatArray scores;
    private final FloatArray counts;
    private final FloatArray sums;
    private final FloatArray maxima;
    private final FloatArray weights;
    private final FloatArray o;
    private final KernelPlan plan;
    private boolean closed;

    KernelCodebookAttention(KernelDevice device, CodebookAttention a) {
        NativeArrays arrays = device.arrays();
        attention = a;
        rows = a.rows();
        columns = a.batch() * a.heads() * a.values();
        sizes.set(CodebookSizes.TOKENS, a.tokens());
        sizes.set(CodebookSizes.HEADS, a.heads());
        sizes.set(CodebookSizes.WIDTH, a.width());
        sizes.set(CodebookSizes.VALUES, a.values());
        sizes.set(CodebookSizes.CODES, a.codes());
        sizes.set(CodebookSizes.WINDOW, a.window());
        q = arrays.floats((long) rows * a.width());
        k = arrays.floats((long) rows * a.width());
        v = arrays.floats((long) rows * a.values());
        codebook = arrays.floats((long) a.heads() * a.codes() * a.width());
        halfNorms = arrays.floats((long) a.heads() * a.codes());
        bias = arrays.floats((long) a.heads() * a.window());
        ids = new IntArray(Math.max(1, rows));
        scores = arrays.floats((long) rows * a.codes());
        counts = arrays.floats((long) columns * a.codes());
        sums = arrays.floats((long) columns * a.codes());
        maxima = arrays.floats((long) rows * a.values());
        weights = arrays.floats((long) rows * a.values());
        o = arrays.floats((long) rows * a.values());
        plan = device.prepare(new KernelProgram(
                "codebookAttention",
                List.of(
                        KernelCall.portable("nearest", new Nearest(this)),
                        KernelCall.portable("scores", new Scores(this)),
                        KernelCall.portable("attend", new Attend(this))),
                List.of(sizes),
                List.of(q, k, v, codebook, halfNorms, bias),
                List.of(o),
                List.of(ids, scores, counts, sums, maxima, weights)));
    }

    @Override
    public synchronized KernelTimes run(Inputs in, MemorySegment to) {
        if (closed) {
            throw new IllegalStateException("the plan of attention over a codebook is closed");
        }
        attention.check(in, to);
        if (rows == 0) {
            return KernelTimes.ofTotal(0);
        }
        long start = System.nanoTime();
        copy(in.q(), q);
        copy(in.k(), k);
        copy(in.v(), v);
        copy(in.codebook(), codebook);
        copy(in.bias(), bias);
        HalfNorms.put(in.codebook(), attention.width(), halfNorms.getSegment());
        KernelTimes times = plan.execute();
        MemorySegment.copy(o.getSegment(), 0, to, 0, to.byteSize());
        return new KernelTimes(times.kernel(), times.transfer(), times.compile(), System.nanoTime() - start);
    }

    private static void copy(MemorySegment from, FloatArray to) {
        MemorySegment.copy(from, 0, to.getSegment(), 0, from.byteSize());
    }

    @Override
    public synchronized void close() {
        if (!closed) {
            closed = true;
            plan.close();
        }
    }

    private record Nearest(KernelCodebookAttention a) implements Kernel {
        @Override
        public void run(KernelContext context) {
            PortableCodebookAttention.nearestCodes(a.sizes, a.k, a.codebook, a.halfNorms, a.ids, a.rows);
        }

        @Override
        public TaskGraph addTo(TaskGraph graph, String task, KernelContext context) {
            return graph.task(
                    task,
                    PortableCodebookAttention::nearestCodes,
                    a.sizes,
                    a.k,
                    a.codebook,
                    a.halfNorms,
                    a.ids,
                    a.rows);
        }
    }

    private record Scores(KernelCodebookAttention a) implements Kernel {
        @Override
        public void run(KernelContext context) {
            PortableCodebookAttention.codeScores(
                    a.sizes, a.q, a.codebook, a.scores, (float) a.attention.scale(), a.rows);
        }

        @Override
        public TaskGraph addTo(TaskGraph graph, String task, KernelContext context) {
            return graph.task(
                    task,
                    PortableCodebookAttention::codeScores,
                    a.sizes,
                    a.q,
                    a.codebook,
                    a.scores,
                    (float) a.attention.scale(),
                    a.rows);
        }
    }

    private record Attend(KernelCodebookAttention a) implements Kernel {
        @Override
        public void run(KernelContext context) {
            PortableCodebookAttention.attendCodes(
                    a.sizes,
                    a.ids,
                    a.scores,
                    a.v,
                    a.bias,
                    a.counts,
                    a.sums,
                    a.maxima,
                    a.weights,
                    a.o,
                    a.attention.causal() ? 1 : 0,
                    a.columns);
        }

        @Override
        public TaskGraph addTo(TaskGraph graph, String task, KernelContext context) {
            return graph.task(
                    task,
                    PortableCodebookAttention::attendCodes,
                    a.sizes,
                    a.ids,
                    a.scores,
                    a.v,
                    a.bias,
                    a.counts,
                    a.sums,
                    a.maxima,
                    a.weights,
                    a.o,
                    a.attention.causal() ? 1 : 0,
                    a.columns);
        }
    }
}
