package dev.gust.kernels.attention;

import static dev.gust.kernels.attention.StateTile.COLUMNS;
import static dev.gust.kernels.attention.StateTile.LANES;
import static dev.gust.kernels.attention.StateTile.ROWS;
import static dev.gust.kernels.attention.StateTile.SPAN;

import uk.ac.manchester.tornado.api.KernelContext;
import uk.ac.manchester.tornado.api.math.TornadoMath;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;

/**
 * The step of {@link PortableDplr}, token by token, with the state in registers, for GPUs.
 *
 * <p>The state lies in work-items as {@link StateTile} says, and is read once and written once, however many tokens there
 * are. Rows of q, k, a, b and the gates come through local memory: each element is read, and each gate's exponential taken, by
 * one work-item, while the state is under way. One pass over the state gives both products, as {@code Sᵀq = (Diag(exp g) S)ᵀq
 * + (b·q) h + (k·q) v}; work-items of a column add up their parts in local memory.
 */
public final class GroupDplr {
    /** The largest K: what a group shares has to fit into local memory. */
    public static final int MOST_ROWS = 512;

    /** Sums that each strip of rows has but once: b·q and k·q. */
    private static final int SCALARS = 2;

    /** Rows in local memory, each twice: those of the next token are stored while those of the last are still read. */
    private static final int SHARED = 2 * 5;

    private GroupDplr() {}

    /** Floats of local memory. */
    public static int localFloats(int keyDim) {
        int strips = (keyDim + ROWS - 1) / ROWS;
        return strips * (2 * COLUMNS + SCALARS + SHARED * ROWS);
    }

    /**
     * The kernel, for N · HV · ceil(V / {@link StateTile#COLUMNS}) groups of {@link StateTile#LANES} · ceil(K /
     * {@link StateTile#ROWS}) work-items. Arguments as in {@link PortableDplr}, and
     *
     * @param keyDim K, at most {@link #MOST_ROWS}
     * @param valueDim V
     */
    public static void dplrGroups(
            KernelContext context,
            IntArray shape,
            IntArray sequences,
            FloatArray q,
            FloatArray k,
            FloatArray v,
            FloatArray a,
            FloatArray b,
            FloatArray g,
            FloatArray state,
            FloatArray o,
            int decay,
            float scale,
            int keyDim,
            int valueDim) {
        int strips = (keyDim + ROWS - 1) / ROWS;
        int blocks = (valueDim + COLUMNS - 1) / COLUMNS;
        float[] holds = context.allocateFloatLocalArray((keyDim + ROWS - 1) / ROWS * COLUMNS);
        float[] reads = context.allocateFloatLocalArray((keyDim + ROWS - 1) / ROWS * COLUMNS);
        float[] scalars = context.allocateFloatLocalArray((keyDim + ROWS - 1) / ROWS * SCALARS);
        float[] queries = context.allocateFloatLocalArray((keyDim + ROWS - 1) / ROWS * ROWS * 2);
        float[] keys = context.allocateFloatLocalArray((keyDim + ROWS - 1) / ROWS * ROWS * 2);
        float[] readers = context.allocateFloatLocalArray((keyDim + ROWS - 1) / ROWS * ROWS * 2);
        float[] writers = context.allocateFloatLocalArray((keyDim + ROWS - 1) / ROWS * ROWS * 2);
        float[] factors = context.allocateFloatLocalArray((keyDim + ROWS - 1) / ROWS * ROWS * 2);
        int item = context.localIdx;
        int lane = item % LANES;
        int strip = item / LANES;
        int group = context.groupIdx;
        int heads = shape.get(DeltaShape.VALUE_HEADS);
        int queryHeads = shape.get(DeltaShape.QUERY_HEADS);
        int keyHeads = shape.get(DeltaShape.KEY_HEADS);
        int column = group % blocks * COLUMNS + lane;
        int head = group / blocks % heads;
        int sequence = group / blocks / heads;
        int row = strip * ROWS;
        int queryHead = DeltaIndex.head(shape, head, queryHeads);
        int keyHead = DeltaIndex.head(shape, head, keyHeads);
        int first = sequences.get(sequence);
        int end = sequences.get(sequence + 1);
        int clear = sequences.get(shape.get(DeltaShape.CAPACITY) + 1 + sequence);
        long home = StateTile.home(sequence * heads + head, strip % strips * ROWS, column, keyDim, valueDim);
        int rowsBelow = keyDim - 1 - row;
        int columnsBeside = valueDim - 1 - column;
        // Arrays of constant length that only unrolled loops index are registers on a GPU.
        float[] values = new float[ROWS * SPAN];
        for (int i = 0; i < ROWS * SPAN; i++) {
            values[i] = 0.0f;
        }
        float[] held = new float[SPAN];
        for (int j = 0; j < SPAN; j++) {
            held[j] = 0.0f;
        }
        float[] read = new float[SPAN];
        for (int j = 0; j < SPAN; j++) {
            read[j] = 0.0f;
        }
        float[] target = new float[SPAN];
        for (int j = 0; j < SPAN; j++) {
            target[j] = 0.0f;
        }
        if (first < end && clear == 0) {
            for (int i = 0; i < ROWS; i++) {
                for (int j = 0; j < SPAN; j++) {
                    int from = StateTile.place(home, i, j * LANES, rowsBelow, columnsBeside, keyDim, valueDim);
                    values[i * SPAN + j] = state.get(from);
                }
            }
        }
        for (int t = first; t < end; t++) {
            int atQuery = (t * queryHeads + queryHead) * keyDim;
            int atKey = (t * keyHeads + keyHead) * keyDim;
            int atHead = (t * heads + head) * keyDim;
            int atTarget = (t * heads + head) * valueDim;
            for (int j = 0; j < SPAN; j++) {
                target[j] = v.get(atTarget + TornadoMath.min(column + j * LANES, valueDim - 1));
            }
            int shared = (t & 1) * strips * ROWS;
            for (int n = 0; n < ROWS / LANES; n++) {
                int place = item + n * LANES * strips;
                // All loads come before the first store, which no compiler moves a load across: the memory answers
                // once.
                float query = DeltaIndex.row(q, atQuery, place, keyDim, ROWS);
                float key = DeltaIndex.row(k, atKey, place, keyDim, ROWS);
                float reader = DeltaIndex.row(a, atHead, place, keyDim, ROWS);
                float writer = DeltaIndex.row(b, atHead, place, keyDim, ROWS);
                float gate = 0.0f;
                if (decay != 0) {
                    gate = DeltaIndex.row(g, atHead, place, keyDim, ROWS);
                }
                queries[shared + place] = query;
                keys[shared + place] = key;
                readers[shared + place] = reader;
                writers[shared + place] = writer;
                if (decay != 0) {
                    factors[shared + place] = TornadoMath.exp(TornadoMath.max(gate, DeltaForm.LEAST_DECAY));
                }
            }
            context.localBarrier();
            shared += row;
            float meetsB = 0.0f;
            float meetsK = 0.0f;
            for (int j = 0; j < SPAN; j++) {
                held[j] = 0.0f;
                read[j] = 0.0f;
            }
            for (int i = 0; i < ROWS; i++) {
                float query = queries[shared + i];
                float reader = readers[shared + i];
                meetsB += query * writers[shared + i];
                meetsK += query * keys[shared + i];
                float factor = 1.0f;
                if (decay != 0) {
                    factor = factors[shared + i];
                }
                for (int j = 0; j < SPAN; j++) {
                    float value = values[i * SPAN + j];
                    held[j] += value * reader;
                    if (decay != 0) {
                        value *= factor;
                        values[i * SPAN + j] = value;
                    }
                    read[j] += value * query;
                }
            }
            for (int j = 0; j < SPAN; j++) {
                holds[strip * COLUMNS + lane + j * LANES] = held[j];
                reads[strip * COLUMNS + lane + j * LANES] = read[j];
            }
            if (lane == 0) {
                scalars[strip * SCALARS] = meetsB;
                scalars[strip * SCALARS + 1] = meetsK;
            }
            context.localBarrier();
            meetsB = 0.0f;
            meetsK = 0.0f;
            for (int i = 0; i < strips; i++) {
                meetsB += scalars[i * SCALARS];
                meetsK += scalars[i * SCALARS + 1];
            }
            for (int j = 0; j < SPAN; j++) {
                int place = column + j * LANES;
                float hold = 0.0f;
                float result = 0.0f;
                for (int i = 0; i < strips; i++) {
                    hold += holds[i * COLUMNS + lane + j * LANES];
                    result += reads[i * COLUMNS + lane + j * LANES];
                }
                held[j] = hold;
                if (strip == 0 && place < valueDim) {
                    o.set(atTarget + place, (result + meetsB * hold + meetsK * target[j]) * scale);
                }
            }
            for (int i = 0; i < ROWS; i++) {
                float writer = writers[shared + i];
                float key = keys[shared + i];
                for (int j = 0; j < SPAN; j++) {
                    values[i * SPAN + j] += writer * held[j] + key * target[j];
                }
            }
        }
        if (first < end || clear != 0) {
            for (int i = 0; i < ROWS; i++) {
                for (int j = 0; j < SPAN; j++) {
                    int to = StateTile.place(home, i, j * LANES, rowsBelow, columnsBeside, keyDim, valueDim);
                    if ((keyDim % ROWS == 0 || i <= rowsBelow)
                            && (valueDim % COLUMNS == 0 || j * LANES <= columnsBeside)) {
                        state.set(to, values[i * SPAN + j]);
                    }
                }
            }
        }
    }
}
