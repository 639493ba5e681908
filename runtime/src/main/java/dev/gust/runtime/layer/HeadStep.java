package dev.gust.runtime.layer;

import dev.gust.kernels.attention.DeltaForm;
import dev.gust.runtime.layer.jvm.ConvLoops;
import dev.gust.runtime.layer.jvm.CurveLoops;
import dev.gust.runtime.layer.jvm.Lanes;
import dev.gust.runtime.layer.jvm.StepLoops;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;

/** One head's step by vector loops, with a thread's scratch. */
final class HeadStep {
    private static final int FOUR = 4 * Lanes.LANES;

    private final GatedDeltaLayer layer;
    private final HeadWeights weights;
    private final int keys;
    private final int values;
    private final float[] q;
    private final float[] k;
    private final float[] decay;
    private final float[] decayedKey;
    private final float[] v;
    private final float[] erased;
    private final float[] read;
    private final float[] gate;

    HeadStep(GatedDeltaLayer layer, HeadWeights weights) {
        this.layer = layer;
        this.weights = weights;
        this.keys = Lanes.roundUp(layer.keyDim());
        this.values = Lanes.roundUp(layer.valueDim());
        this.q = new float[keys];
        this.k = new float[keys];
        this.decay = new float[keys];
        this.decayedKey = new float[keys];
        this.v = new float[values];
        this.erased = new float[values];
        this.read = new float[values];
        this.gate = new float[values];
    }

    /**
     * Makes the step.
     *
     * @param state the head's [K, V], with V rounded up to whole vectors
     * @param ring all sequences' inputs, which are only read
     */
    void run(
            LayerInputs inputs,
            int row,
            int head,
            float[] state,
            MemorySegment ring,
            int sequence,
            LayerRings rings,
            MemorySegment o) {
        int keyDim = layer.keyDim();
        int valueDim = layer.valueDim();
        int keyHead = layer.headMap().head(head, layer.valueHeads(), layer.keyHeads());
        int allKeys = layer.keyHeads() * keyDim;
        convolve(inputs, row, keyHead * keyDim, keyDim, ring, sequence, rings, q);
        convolve(inputs, row, allKeys + keyHead * keyDim, keyDim, ring, sequence, rings, k);
        convolve(inputs, row, 2 * allKeys + head * valueDim, valueDim, ring, sequence, rings, v);
        unit(q, layer.factor());
        unit(k, 1);
        float meeting = StepLoops.dot(q, k, keys);
        decays(inputs, row, head);
        System.arraycopy(k, 0, decayedKey, 0, keys);
        StepLoops.multiply(decayedKey, decay, 1, keys);
        StepLoops.multiply(q, decay, 1, keys);
        long line = (long) row * layer.valueHeads() + head;
        double b = Floats.at(inputs.b(), line);
        float beta = (float) (layer.beta().setting() / (1 + Math.exp(-b)));
        recur(state, beta);
        StepLoops.add(read, v, meeting, values);
        finish(inputs, line, o);
    }

    private void convolve(
            LayerInputs inputs,
            int row,
            int channel,
            int count,
            MemorySegment ring,
            int sequence,
            LayerRings rings,
            float[] sums) {
        int channels = layer.conv().channels();
        int width = layer.conv().width();
        System.arraycopy(weights.bias, channel, sums, 0, count);
        // The curves below leave zeros behind the last channel what they are.
        Arrays.fill(sums, count, sums.length, 0);
        long at = ((long) row * channels + channel) * Float.BYTES;
        ConvLoops.tap(inputs.qkv(), at, weights.taps, (width - 1) * channels + channel, sums, count);
        int before = rings.before(sequence);
        for (int back = 1; back <= before; back++) {
            int place = Math.floorMod(rings.position(sequence) - back, width);
            at = (((long) sequence * width + place) * channels + channel) * Float.BYTES;
            ConvLoops.tap(ring, at, weights.taps, (width - 1 - back) * channels + channel, sums, count);
        }
        if (layer.conv().silu()) {
            CurveLoops.silu(sums, sums.length);
        }
    }

    private void unit(float[] x, float scale) {
        double squares = StepLoops.dot(x, x, keys) + GatedDeltaLayer.UNIT_EPSILON;
        StepLoops.scale(x, (float) (scale / Math.sqrt(squares)), keys);
    }

    /** e^g of each channel. */
    private void decays(LayerInputs inputs, int row, int head) {
        int channels = layer.decay().channels();
        GateRow gates = weights.decays.get(head);
        long at = ((long) row * layer.valueHeads() + head) * channels * Float.BYTES;
        Lanes.load(inputs.a(), at, decay, channels);
        gates.apply(decay);
        StepLoops.exp(decay, DeltaForm.LEAST_DECAY, gates.length());
        if (channels == 1) {
            Arrays.fill(decay, decay[0]);
        }
    }

    /** Moves the state on; v becomes what is written, and read what is read before. */
    private void recur(float[] state, float beta) {
        int rows = layer.keyDim();
        int column = 0;
        for (; column + FOUR <= values; column += FOUR) {
            StepLoops.readFour(state, values, column, rows, decayedKey, q, erased, read);
            StepLoops.update(v, erased, beta, column, FOUR);
            StepLoops.writeFour(state, values, column, rows, decay, k, v);
        }
        for (; column < values; column += Lanes.LANES) {
            StepLoops.readOne(state, values, column, rows, decayedKey, q, erased, read);
            StepLoops.update(v, erased, beta, column, Lanes.LANES);
            StepLoops.writeOne(state, values, column, rows, decay, k, v);
        }
    }

    /** The norm of what was read, its weight and its gate. */
    private void finish(LayerInputs inputs, long line, MemorySegment o) {
        int valueDim = layer.valueDim();
        long at = line * valueDim * Float.BYTES;
        Lanes.load(inputs.gate(), at, gate, valueDim);
        if (layer.norm().gate() == NormGate.SILU) {
            CurveLoops.silu(gate, values);
        } else {
            CurveLoops.sigmoid(gate, values);
        }
        double squares = StepLoops.dot(read, read, values);
        float factor = (float) (1 / Math.sqrt(squares / valueDim + layer.norm().epsilon()));
        StepLoops.multiply(read, weights.norm, factor, values);
        StepLoops.multiply(read, gate, 1, values);
        Lanes.store(read, o, at, valueDim);
    }
}
