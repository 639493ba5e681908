package dev.gust.runtime.layer;

import dev.gust.runtime.jvm.JvmDevice;
import dev.gust.runtime.kernel.KernelTimes;
import dev.gust.runtime.layer.jvm.Lanes;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.stream.IntStream;

/** A layer's decode step by vector loops; a head of a row is one's work. States lie in float arrays, a head's in each. */
final class JvmLayer implements LayerPlan {
    private final JvmDevice device;
    private final GatedDeltaLayer layer;
    private final LayerRings rings;
    private final HeadWeights weights;
    private final Arena memory = Arena.ofShared();

    /** [sequences, W, C]. */
    private final MemorySegment ring;

    /** [K, V], with V rounded up to whole vectors, of each sequence's heads. */
    private final float[][] states;

    /** Scratch that no thread uses at the moment. */
    private final ArrayBlockingQueue<HeadStep> free;

    private boolean closed;

    JvmLayer(JvmDevice device, GatedDeltaLayer layer, int sequences) {
        this.device = device;
        this.layer = layer;
        this.rings = new LayerRings(layer, sequences);
        this.weights = HeadWeights.of(layer);
        this.free = new ArrayBlockingQueue<>(device.threads(0));
        long bytes = (long) sequences * layer.conv().width() * layer.conv().channels() * Float.BYTES;
        this.ring = memory.allocate(Math.max(1, bytes), 64);
        this.states = new float[sequences * layer.valueHeads()][layer.keyDim() * Lanes.roundUp(layer.valueDim())];
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
        long start = System.nanoTime();
        int heads = layer.valueHeads();
        boolean shared = device.canReach(inputs.qkv())
                && device.canReach(inputs.a())
                && device.canReach(inputs.b())
                && device.canReach(inputs.gate())
                && device.canReach(o);
        device.forRows((long) sequences.length * heads, 1, shared ? device.threads(0) : 1, (first, end) -> {
            HeadStep head = borrow();
            for (long i = first; i < end; i++) {
                int row = (int) (i / heads);
                int which = (int) (i % heads);
                int sequence = sequences[row];
                float[] state = states[sequence * heads + which];
                if (rings.cleared(sequence)) {
                    Arrays.fill(state, 0);
                }
                head.run(inputs, row, which, state, ring, sequence, rings, o);
            }
            free.offer(head);
        });
        // Heads only read the rings: the inputs go there when all are done.
        long bytes = (long) layer.conv().channels() * Float.BYTES;
        for (int row = 0; row < sequences.length; row++) {
            int sequence = sequences[row];
            long at = ((long) sequence * layer.conv().width() + rings.position(sequence)) * bytes;
            MemorySegment.copy(inputs.qkv(), row * bytes, ring, at, bytes);
            rings.advance(sequence);
        }
        return KernelTimes.ofTotal(System.nanoTime() - start);
    }

    private HeadStep borrow() {
        HeadStep head = free.poll();
        return head == null ? new HeadStep(layer, weights) : head;
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
        int valueDim = layer.valueDim();
        int pitch = Lanes.roundUp(valueDim);
        for (long i = 0; i < (long) n * layer.valueHeads() * layer.keyDim(); i++) {
            float[] head = states[(int) (i / layer.keyDim())];
            int at = (int) (i % layer.keyDim()) * pitch;
            for (int c = 0; c < valueDim; c++) {
                head[at + c] = Floats.at(state, i * valueDim + c);
            }
        }
        rings.load(conv, ring, n);
    }

    @Override
    public synchronized void save(MemorySegment state, MemorySegment conv, int n) {
        requireOpen();
        rings.check(state, conv, n);
        int valueDim = layer.valueDim();
        int pitch = Lanes.roundUp(valueDim);
        for (long i = 0; i < (long) n * layer.valueHeads() * layer.keyDim(); i++) {
            int head = (int) (i / layer.keyDim());
            boolean cleared = rings.cleared(head / layer.valueHeads());
            int at = (int) (i % layer.keyDim()) * pitch;
            for (int c = 0; c < valueDim; c++) {
                Floats.set(state, i * valueDim + c, cleared ? 0 : states[head][at + c]);
            }
        }
        rings.save(ring, conv, n);
    }

    private void requireOpen() {
        if (closed) {
            throw new IllegalStateException("the plan of a layer is closed");
        }
    }

    @Override
    public synchronized void close() {
        if (!closed) {
            closed = true;
            memory.close();
        }
    }
}
