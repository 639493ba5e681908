package dev.gust.kernels.attention;

import uk.ac.manchester.tornado.api.KernelContext;
import uk.ac.manchester.tornado.api.math.TornadoMath;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;

/**
 * The step of {@link PortableDplr}, token by token, with the state in registers, for GPUs.
 *
 * <p>A group has {@link #COLUMNS} columns of one head's state. A work-item holds {@link #ROWS} rows of one column, so that
 * neighbours read neighbouring words and the state is read once and written once, however many tokens there are. One pass
 * over it gives both products, as {@code Sᵀq = (Diag(exp g) S)ᵀq + (b·q) h + (k·q) v}; work-items of a column add up their
 * parts in local memory.
 */
public final class GroupDplr {
    /** Columns of the state in a group. */
    public static final int COLUMNS = 32;

    /** Rows of the state in a work-item. */
    public static final int ROWS = 16;

    /** The largest K: a group has at most 1024 work-items. */
    public static final int MOST_ROWS = 512;

    private GroupDplr() {}

    /**
     * The kernel, for N · HV · ceil(V / 32) groups of 32 · ceil(K / 16) work-items. Arguments as in {@link PortableDplr}, and
     *
     * @param keyDim K, at most {@link #MOST_ROWS}
     * @param capacity N
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
            int capacity) {
        int strips = (keyDim + ROWS - 1) / ROWS;
        float[] holds = context.allocateFloatLocalArray((keyDim + ROWS - 1) / ROWS * COLUMNS);
        float[] reads = context.allocateFloatLocalArray((keyDim + ROWS - 1) / ROWS * COLUMNS);
        float[] meetings = context.allocateFloatLocalArray((keyDim + ROWS - 1) / ROWS * 2);
        int lane = context.localIdx % COLUMNS;
        int strip = context.localIdx / COLUMNS;
        int valueDim = shape.get(DeltaShape.VALUE_DIM);
        int heads = shape.get(DeltaShape.VALUE_HEADS);
        int queryHeads = shape.get(DeltaShape.QUERY_HEADS);
        int keyHeads = shape.get(DeltaShape.KEY_HEADS);
        int blocks = (valueDim + COLUMNS - 1) / COLUMNS;
        int column = context.groupIdx % blocks * COLUMNS + lane;
        int head = context.groupIdx / blocks % heads;
        int sequence = context.groupIdx / blocks / heads;
        int queryHead = DeltaIndex.head(shape, head, queryHeads);
        int keyHead = DeltaIndex.head(shape, head, keyHeads);
        int first = sequences.get(sequence);
        int end = sequences.get(sequence + 1);
        int clear = sequences.get(capacity + 1 + sequence);
        int row = strip * ROWS;
        // Columns past the last go along with the last and write nothing: barriers want every work-item.
        int at = TornadoMath.min(column, valueDim - 1);
        int s = (sequence * heads + head) * keyDim * valueDim + at;
        float[] values = new float[ROWS];
        for (int i = 0; i < ROWS; i++) {
            values[i] = 0.0f;
        }
        if (clear == 0) {
            for (int i = 0; i < ROWS; i++) {
                values[i] = state.get(s + TornadoMath.min(row + i, keyDim - 1) * valueDim);
            }
        }
        for (int t = first; t < end; t++) {
            int atQuery = (t * queryHeads + queryHead) * keyDim;
            int atKey = (t * keyHeads + keyHead) * keyDim;
            int atHead = (t * heads + head) * keyDim;
            float target = v.get((t * heads + head) * valueDim + at);
            float held = 0.0f;
            float read = 0.0f;
            float meetsB = 0.0f;
            float meetsK = 0.0f;
            for (int i = 0; i < ROWS; i++) {
                float query = row(q, atQuery, row + i, keyDim);
                held += values[i] * row(a, atHead, row + i, keyDim);
                if (decay != 0) {
                    values[i] *=
                            TornadoMath.exp(TornadoMath.max(row(g, atHead, row + i, keyDim), DeltaForm.LEAST_DECAY));
                }
                read += values[i] * query;
                meetsB += query * row(b, atHead, row + i, keyDim);
                meetsK += query * row(k, atKey, row + i, keyDim);
            }
            holds[strip * COLUMNS + lane] = held;
            reads[strip * COLUMNS + lane] = read;
            if (lane == 0) {
                meetings[strip * 2] = meetsB;
                meetings[strip * 2 + 1] = meetsK;
            }
            context.localBarrier();
            held = 0.0f;
            read = 0.0f;
            meetsB = 0.0f;
            meetsK = 0.0f;
            for (int i = 0; i < strips; i++) {
                held += holds[i * COLUMNS + lane];
                read += reads[i * COLUMNS + lane];
                meetsB += meetings[i * 2];
                meetsK += meetings[i * 2 + 1];
            }
            for (int i = 0; i < ROWS; i++) {
                values[i] += row(b, atHead, row + i, keyDim) * held + row(k, atKey, row + i, keyDim) * target;
            }
            if (strip == 0 && column < valueDim) {
                o.set((t * heads + head) * valueDim + column, (read + meetsB * held + meetsK * target) * scale);
            }
            context.localBarrier();
        }
        if (column < valueDim) {
            for (int i = 0; i < ROWS; i++) {
                if (row + i < keyDim) {
                    state.set(s + (row + i) * valueDim, values[i]);
                }
            }
        }
    }

    /** Element {@code row} of a row of K, or 0 past its end. Whole strips of rows need no guard. */
    private static float row(FloatArray x, int at, int row, int keyDim) {
        float value = 0.0f;
        if (keyDim % ROWS == 0 || row < keyDim) {
            value = x.get(at + row);
        }
        return value;
    }
}
