package dev.gust.runtime.layer;

import dev.gust.kernels.layer.GroupLayer;
import dev.gust.kernels.layer.LayerRow;
import dev.gust.kernels.layer.LayerShape;
import dev.gust.runtime.kernel.Grid;
import dev.gust.runtime.kernel.KernelCall;
import dev.gust.runtime.kernel.KernelDevice;
import dev.gust.runtime.kernel.KernelProgram;
import dev.gust.runtime.kernel.KernelStyle;
import dev.gust.runtime.kernel.KernelTimes;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;
import uk.ac.manchester.tornado.api.types.arrays.TornadoNativeArray;

/** A layer's decode step by one kernel. The states are arrays that live on the device. */
final class KernelLayer implements LayerPlan {
    private final GatedDeltaLayer layer;
    private final LayerArrays a;
    private final LayerRings rings;
    private final KeptProgram program;
    private boolean closed;

    KernelLayer(KernelDevice device, GatedDeltaLayer layer, int sequences, KernelStyle style) {
        this.layer = layer;
        this.rings = new LayerRings(layer, sequences);
        this.a = LayerArrays.of(layer, sequences, style, device.arrays());
        int heads = Math.max(1, sequences) * layer.valueHeads();
        KernelCall call = switch (style) {
            case PORTABLE -> KernelCall.portable("layerStep", new LayerKernels.Portable(a));
            case TUNED ->
                KernelCall.tuned("layerStep", new LayerKernels.Groups(a), Grid.ofGroups(heads, GroupLayer.LOCAL));
        };
        var kept = new ArrayList<TornadoNativeArray>(List.of(a.ring(), a.state()));
        if (style == KernelStyle.PORTABLE) {
            kept.add(a.scratch());
        }
        this.program = new KeptProgram(
                device,
                new KernelProgram(
                        "layer",
                        List.of(call),
                        List.of(a.constants()),
                        List.of(a.shape(), a.rows(), a.qkv(), a.a(), a.b(), a.gate()),
                        List.of(a.o()),
                        kept,
                        List.of(a.state(), a.ring())));
    }

    @Override
    public synchronized KernelTimes step(LayerInputs inputs, MemorySegment o) {
        int[] first = IntStream.range(0, layer.rows(inputs, rings.sequences())).toArray();
        return step(inputs, first, o);
    }

    @Override
    public synchronized KernelTimes step(LayerInputs inputs, int[] sequences, MemorySegment o) {
        requireOpen();
        layer.check(inputs, sequences, rings.sequences(), o);
        if (sequences.length == 0) {
            return KernelTimes.ofTotal(0);
        }
        long start = System.nanoTime();
        a.shape().set(LayerShape.ROWS, sequences.length);
        for (int i = 0; i < sequences.length; i++) {
            int at = i * LayerRow.LENGTH;
            a.rows().set(at + LayerRow.SEQUENCE, sequences[i]);
            a.rows().set(at + LayerRow.POSITION, rings.position(sequences[i]));
            a.rows().set(at + LayerRow.BEFORE, rings.before(sequences[i]));
            a.rows().set(at + LayerRow.CLEARED, rings.cleared(sequences[i]) ? 1 : 0);
        }
        a.fill(inputs);
        KernelTimes times = program.execute();
        for (int sequence : sequences) {
            rings.advance(sequence);
        }
        MemorySegment.copy(a.o().getSegment(), 0, o, 0, o.byteSize());
        return new KernelTimes(times.kernel(), times.transfer(), times.compile(), System.nanoTime() - start);
    }

    @Override
    public synchronized void clear(int sequence) {
        requireOpen();
        rings.clear(sequence);
    }

    @Override
    public synchronized void load(MemorySegment state, MemorySegment conv, int n) {
        requireOpen();
        rings.check(state, conv, n);
        MemorySegment.copy(state, 0, a.state().getSegment(), 0, state.byteSize());
        program.put(a.state(), n * layer.stateElements());
        rings.load(conv, a.ring().getSegment(), n);
        program.put(a.ring(), (long) n * layer.conv().width() * layer.conv().channels());
    }

    @Override
    public synchronized void save(MemorySegment state, MemorySegment conv, int n) {
        requireOpen();
        rings.check(state, conv, n);
        program.fetch(a.state());
        program.fetch(a.ring());
        MemorySegment.copy(a.state().getSegment(), 0, state, 0, state.byteSize());
        long bytes = layer.stateElements() * Float.BYTES;
        for (int i = 0; i < n; i++) {
            if (rings.cleared(i)) {
                state.asSlice(i * bytes, bytes).fill((byte) 0);
            }
        }
        rings.save(a.ring().getSegment(), conv, n);
    }

    private void requireOpen() {
        if (closed) {
            throw new IllegalStateException("the plan of a layer is closed");
        }
    }

    @Override
    public synchronized void close() {
        closed = true;
        program.close();
    }
}
