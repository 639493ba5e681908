package dev.gust.kernels.attention;

import uk.ac.manchester.tornado.api.KernelContext;
import uk.ac.manchester.tornado.api.math.TornadoMath;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;

/** HGRN's recurrence for GPUs: {@link PortableHgrn} with loads ahead of the chain of steps, or as a scan within a group. */
public final class GroupHgrn {
    /** Channels of a group of {@link #hgrnGroups}, one to a work-item. */
    public static final int CHANNELS = 64;

    /** Channels of a group of {@link #hgrnScan}: neighbours read neighbouring words. */
    public static final int LANES = 32;

    /** Work-items that share a channel's tokens. */
    private static final int PARTS = 8;

    /** Work-items of a group of {@link #hgrnScan}. */
    public static final int LOCAL = LANES * PARTS;

    /** Tokens of a work-item at a time. */
    private static final int SPAN = 8;

    /** Tokens that a group scans at a time. */
    private static final int TILE = PARTS * SPAN;

    /** Floats of local memory of {@link #hgrnScan}. */
    public static final int LOCAL_FLOATS = 2 * LOCAL;

    private GroupHgrn() {}

    /**
     * Token by token, for N · ceil(D / {@link #CHANNELS}) groups. Gates and inputs of some tokens are loaded, and exponentials
     * taken, before the steps that wait for one another.
     *
     * @param shape see {@link DeltaShape}; V is the number of channels D
     * @param sequences as {@link PortableDelta}'s
     * @param x [tokens, D]
     * @param g log decays [tokens, D]
     * @param state [N, D], read and written
     * @param o receives [tokens, D]
     */
    public static void hgrnGroups(
            KernelContext context,
            IntArray shape,
            IntArray sequences,
            FloatArray x,
            FloatArray g,
            FloatArray state,
            FloatArray o) {
        int channels = shape.get(DeltaShape.VALUE_DIM);
        int capacity = shape.get(DeltaShape.CAPACITY);
        int blocks = (channels + CHANNELS - 1) / CHANNELS;
        int channel = context.groupIdx % blocks * CHANNELS + context.localIdx;
        int sequence = context.groupIdx / blocks;
        if (channel >= channels) {
            return;
        }
        float[] inputs = new float[SPAN];
        for (int j = 0; j < SPAN; j++) {
            inputs[j] = 0.0f;
        }
        float[] decays = new float[SPAN];
        for (int j = 0; j < SPAN; j++) {
            decays[j] = 0.0f;
        }
        int first = sequences.get(sequence);
        int end = sequences.get(sequence + 1);
        float h = state.get(sequence * channels + channel);
        if (sequences.get(capacity + 1 + sequence) != 0) {
            h = 0.0f;
        }
        for (int t = first; t < end; t += SPAN) {
            for (int j = 0; j < SPAN; j++) {
                int at = TornadoMath.min(t + j, end - 1) * channels + channel;
                inputs[j] = x.get(at);
                decays[j] = TornadoMath.exp(g.get(at));
            }
            for (int j = 0; j < SPAN; j++) {
                if (t + j < end) {
                    h = decays[j] * h + inputs[j];
                    o.set((t + j) * channels + channel, h);
                }
            }
        }
        state.set(sequence * channels + channel, h);
    }

    /**
     * As a scan of two levels, for N · ceil(D / {@link #LANES}) groups of {@link #LOCAL}: a work-item goes through 8 tokens
     * from zero, then takes along what those ahead of it leave, which is in local memory. Inputs are read once, and outputs
     * written once.
     */
    public static void hgrnScan(
            KernelContext context,
            IntArray shape,
            IntArray sequences,
            FloatArray x,
            FloatArray g,
            FloatArray state,
            FloatArray o) {
        float[] parts = context.allocateFloatLocalArray(LOCAL);
        float[] decays = context.allocateFloatLocalArray(LOCAL);
        float[] left = new float[SPAN];
        for (int j = 0; j < SPAN; j++) {
            left[j] = 0.0f;
        }
        float[] own = new float[SPAN];
        for (int j = 0; j < SPAN; j++) {
            own[j] = 0.0f;
        }
        int item = context.localIdx;
        int lane = item % LANES;
        int part = item / LANES;
        int channels = shape.get(DeltaShape.VALUE_DIM);
        int capacity = shape.get(DeltaShape.CAPACITY);
        int blocks = (channels + LANES - 1) / LANES;
        int channel = context.groupIdx % blocks * LANES + lane;
        int sequence = context.groupIdx / blocks;
        int end = sequences.get(sequence + 1);
        int place = sequence * channels + channel;
        float carried = 0.0f;
        if (channel < channels && sequences.get(capacity + 1 + sequence) == 0) {
            carried = state.get(place);
        }
        // Every work-item of a channel keeps what is carried, but one writes it: the others have read it by then.
        context.localBarrier();
        for (int tile = sequences.get(sequence); tile < end; tile += TILE) {
            int begin = tile + part * SPAN;
            float decay = 1.0f;
            float h = 0.0f;
            for (int j = 0; j < SPAN; j++) {
                if (begin + j < end && channel < channels) {
                    float step = TornadoMath.exp(g.get((begin + j) * channels + channel));
                    decay *= step;
                    h = step * h + x.get((begin + j) * channels + channel);
                }
                left[j] = decay;
                own[j] = h;
            }
            decays[item] = decay;
            parts[item] = h;
            context.localBarrier();
            float before = 0.0f;
            for (int p = 0; p < PARTS; p++) {
                if (p == part) {
                    before = carried;
                }
                carried = decays[p * LANES + lane] * carried + parts[p * LANES + lane];
            }
            for (int j = 0; j < SPAN; j++) {
                if (begin + j < end && channel < channels) {
                    o.set((begin + j) * channels + channel, left[j] * before + own[j]);
                }
            }
            context.localBarrier();
        }
        if (part == 0 && channel < channels) {
            state.set(place, carried);
        }
    }
}
