package dev.gust.kernels.attention;

import uk.ac.manchester.tornado.api.KernelContext;
import uk.ac.manchester.tornado.api.math.TornadoMath;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;

/**
 * The generic delta step, token by token, with the state in registers: {@link PortableDelta} for GPUs.
 *
 * <p>A group has {@link #COLUMNS} columns of one head's state. A work-item holds {@link #ROWS} rows of one column, so that
 * neighbours read neighbouring words and the state is read once and written once, however many tokens there are. One pass
 * over it gives both products, as {@code Sᵀq = S̃ᵀq + (k·q) u}; work-items of a column add up their parts in local memory.
 * Lengths of q and the keys are found on the way and multiply the sums.
 */
public final class GroupDelta {
    /** Columns of the state in a group. */
    public static final int COLUMNS = 32;

    /** Rows of the state in a work-item. */
    public static final int ROWS = 16;

    /** The largest K: a group has at most 1024 work-items. */
    public static final int MOST_ROWS = 512;

    /** Sums that each strip of rows has but once: k·q, and the squares of q, k and e. */
    public static final int SCALARS = 4;

    private GroupDelta() {}

    /**
     * The kernel, for N · HV · ceil(V / 32) groups of 32 · ceil(K / 16) work-items. Arguments as in {@link PortableDelta},
     * and
     *
     * @param e one float unless the erase key is one of its own
     * @param keyDim K, at most {@link #MOST_ROWS}
     * @param valueDim V
     */
    public static void deltaGroups(
            KernelContext context,
            IntArray shape,
            IntArray sequences,
            FloatArray q,
            FloatArray k,
            FloatArray e,
            FloatArray v,
            FloatArray beta,
            FloatArray g,
            FloatArray state,
            FloatArray o,
            int form,
            float scale,
            int keyDim,
            int valueDim) {
        int strips = (keyDim + ROWS - 1) / ROWS;
        int blocks = (valueDim + COLUMNS - 1) / COLUMNS;
        float[] reads = context.allocateFloatLocalArray((keyDim + ROWS - 1) / ROWS * COLUMNS);
        float[] erasures = context.allocateFloatLocalArray((keyDim + ROWS - 1) / ROWS * COLUMNS);
        float[] scalars = context.allocateFloatLocalArray((keyDim + ROWS - 1) / ROWS * SCALARS);
        int lane = context.localIdx % COLUMNS;
        int strip = context.localIdx / COLUMNS;
        int group = context.groupIdx;
        int heads = shape.get(DeltaShape.VALUE_HEADS);
        int queryHeads = shape.get(DeltaShape.QUERY_HEADS);
        int keyHeads = shape.get(DeltaShape.KEY_HEADS);
        int eraseHeads = shape.get(DeltaShape.ERASE_HEADS);
        int column = group % blocks * COLUMNS + lane;
        int head = group / blocks % heads;
        int sequence = group / blocks / heads;
        int row = strip * ROWS;
        int queryHead = DeltaIndex.head(shape, head, queryHeads);
        int keyHead = DeltaIndex.head(shape, head, keyHeads);
        int eraseHead = DeltaIndex.head(shape, head, eraseHeads);
        int first = sequences.get(sequence);
        int end = sequences.get(sequence + 1);
        int clear = sequences.get(shape.get(DeltaShape.CAPACITY) + 1 + sequence);
        int inside = 1;
        if (valueDim % COLUMNS != 0 && column >= valueDim) {
            inside = 0;
        }
        int s = (sequence * heads + head) * keyDim * valueDim + TornadoMath.min(column, valueDim - 1);
        float s0 = 0.0f;
        float s1 = 0.0f;
        float s2 = 0.0f;
        float s3 = 0.0f;
        float s4 = 0.0f;
        float s5 = 0.0f;
        float s6 = 0.0f;
        float s7 = 0.0f;
        float s8 = 0.0f;
        float s9 = 0.0f;
        float s10 = 0.0f;
        float s11 = 0.0f;
        float s12 = 0.0f;
        float s13 = 0.0f;
        float s14 = 0.0f;
        float s15 = 0.0f;
        if (first < end && clear == 0) {
            s0 = stateAt(state, s, row, keyDim, valueDim);
            s1 = stateAt(state, s, row + 1, keyDim, valueDim);
            s2 = stateAt(state, s, row + 2, keyDim, valueDim);
            s3 = stateAt(state, s, row + 3, keyDim, valueDim);
            s4 = stateAt(state, s, row + 4, keyDim, valueDim);
            s5 = stateAt(state, s, row + 5, keyDim, valueDim);
            s6 = stateAt(state, s, row + 6, keyDim, valueDim);
            s7 = stateAt(state, s, row + 7, keyDim, valueDim);
            s8 = stateAt(state, s, row + 8, keyDim, valueDim);
            s9 = stateAt(state, s, row + 9, keyDim, valueDim);
            s10 = stateAt(state, s, row + 10, keyDim, valueDim);
            s11 = stateAt(state, s, row + 11, keyDim, valueDim);
            s12 = stateAt(state, s, row + 12, keyDim, valueDim);
            s13 = stateAt(state, s, row + 13, keyDim, valueDim);
            s14 = stateAt(state, s, row + 14, keyDim, valueDim);
            s15 = stateAt(state, s, row + 15, keyDim, valueDim);
        }
        for (int t = first; t < end; t++) {
            int atQuery = (t * queryHeads + queryHead) * keyDim;
            int atKey = (t * keyHeads + keyHead) * keyDim;
            int atErase = (t * eraseHeads + eraseHead) * keyDim;
            float target = 0.0f;
            if (inside != 0) {
                target = v.get((t * heads + head) * valueDim + column);
            }
            float meeting = 0.0f;
            float querySquares = 0.0f;
            float keySquares = 0.0f;
            float eraseSquares = 0.0f;
            for (int i = 0; i < ROWS; i++) {
                float query = DeltaIndex.row(q, atQuery, row + i, keyDim, ROWS);
                float key = DeltaIndex.row(k, atKey, row + i, keyDim, ROWS);
                meeting += query * key;
                querySquares += query * query;
                keySquares += key * key;
                if ((form & DeltaForm.OWN_KEY) != 0) {
                    float erase = DeltaIndex.row(e, atErase, row + i, keyDim, ROWS);
                    eraseSquares += erase * erase;
                }
            }
            float read = 0.0f;
            if ((form & DeltaForm.READ_BEFORE) != 0) {
                read += s0 * DeltaIndex.row(q, atQuery, row, keyDim, ROWS);
                read += s1 * DeltaIndex.row(q, atQuery, row + 1, keyDim, ROWS);
                read += s2 * DeltaIndex.row(q, atQuery, row + 2, keyDim, ROWS);
                read += s3 * DeltaIndex.row(q, atQuery, row + 3, keyDim, ROWS);
                read += s4 * DeltaIndex.row(q, atQuery, row + 4, keyDim, ROWS);
                read += s5 * DeltaIndex.row(q, atQuery, row + 5, keyDim, ROWS);
                read += s6 * DeltaIndex.row(q, atQuery, row + 6, keyDim, ROWS);
                read += s7 * DeltaIndex.row(q, atQuery, row + 7, keyDim, ROWS);
                read += s8 * DeltaIndex.row(q, atQuery, row + 8, keyDim, ROWS);
                read += s9 * DeltaIndex.row(q, atQuery, row + 9, keyDim, ROWS);
                read += s10 * DeltaIndex.row(q, atQuery, row + 10, keyDim, ROWS);
                read += s11 * DeltaIndex.row(q, atQuery, row + 11, keyDim, ROWS);
                read += s12 * DeltaIndex.row(q, atQuery, row + 12, keyDim, ROWS);
                read += s13 * DeltaIndex.row(q, atQuery, row + 13, keyDim, ROWS);
                read += s14 * DeltaIndex.row(q, atQuery, row + 14, keyDim, ROWS);
                read += s15 * DeltaIndex.row(q, atQuery, row + 15, keyDim, ROWS);
            }
            if ((form & DeltaForm.DECAY) == DeltaForm.CHANNEL_DECAY) {
                int atGate = (t * heads + head) * keyDim;
                s0 *= channelFactor(g, atGate, row, keyDim);
                s1 *= channelFactor(g, atGate, row + 1, keyDim);
                s2 *= channelFactor(g, atGate, row + 2, keyDim);
                s3 *= channelFactor(g, atGate, row + 3, keyDim);
                s4 *= channelFactor(g, atGate, row + 4, keyDim);
                s5 *= channelFactor(g, atGate, row + 5, keyDim);
                s6 *= channelFactor(g, atGate, row + 6, keyDim);
                s7 *= channelFactor(g, atGate, row + 7, keyDim);
                s8 *= channelFactor(g, atGate, row + 8, keyDim);
                s9 *= channelFactor(g, atGate, row + 9, keyDim);
                s10 *= channelFactor(g, atGate, row + 10, keyDim);
                s11 *= channelFactor(g, atGate, row + 11, keyDim);
                s12 *= channelFactor(g, atGate, row + 12, keyDim);
                s13 *= channelFactor(g, atGate, row + 13, keyDim);
                s14 *= channelFactor(g, atGate, row + 14, keyDim);
                s15 *= channelFactor(g, atGate, row + 15, keyDim);
            } else if ((form & DeltaForm.DECAY) != 0) {
                float factor = TornadoMath.exp(DeltaIndex.decay(g, form, t, head, heads, 0, keyDim));
                s0 *= factor;
                s1 *= factor;
                s2 *= factor;
                s3 *= factor;
                s4 *= factor;
                s5 *= factor;
                s6 *= factor;
                s7 *= factor;
                s8 *= factor;
                s9 *= factor;
                s10 *= factor;
                s11 *= factor;
                s12 *= factor;
                s13 *= factor;
                s14 *= factor;
                s15 *= factor;
            }
            if ((form & DeltaForm.READ_BEFORE) == 0) {
                read += s0 * DeltaIndex.row(q, atQuery, row, keyDim, ROWS);
                read += s1 * DeltaIndex.row(q, atQuery, row + 1, keyDim, ROWS);
                read += s2 * DeltaIndex.row(q, atQuery, row + 2, keyDim, ROWS);
                read += s3 * DeltaIndex.row(q, atQuery, row + 3, keyDim, ROWS);
                read += s4 * DeltaIndex.row(q, atQuery, row + 4, keyDim, ROWS);
                read += s5 * DeltaIndex.row(q, atQuery, row + 5, keyDim, ROWS);
                read += s6 * DeltaIndex.row(q, atQuery, row + 6, keyDim, ROWS);
                read += s7 * DeltaIndex.row(q, atQuery, row + 7, keyDim, ROWS);
                read += s8 * DeltaIndex.row(q, atQuery, row + 8, keyDim, ROWS);
                read += s9 * DeltaIndex.row(q, atQuery, row + 9, keyDim, ROWS);
                read += s10 * DeltaIndex.row(q, atQuery, row + 10, keyDim, ROWS);
                read += s11 * DeltaIndex.row(q, atQuery, row + 11, keyDim, ROWS);
                read += s12 * DeltaIndex.row(q, atQuery, row + 12, keyDim, ROWS);
                read += s13 * DeltaIndex.row(q, atQuery, row + 13, keyDim, ROWS);
                read += s14 * DeltaIndex.row(q, atQuery, row + 14, keyDim, ROWS);
                read += s15 * DeltaIndex.row(q, atQuery, row + 15, keyDim, ROWS);
            }
            float erased = 0.0f;
            if ((form & DeltaForm.OWN_KEY) != 0) {
                erased += s0 * DeltaIndex.row(e, atErase, row, keyDim, ROWS);
                erased += s1 * DeltaIndex.row(e, atErase, row + 1, keyDim, ROWS);
                erased += s2 * DeltaIndex.row(e, atErase, row + 2, keyDim, ROWS);
                erased += s3 * DeltaIndex.row(e, atErase, row + 3, keyDim, ROWS);
                erased += s4 * DeltaIndex.row(e, atErase, row + 4, keyDim, ROWS);
                erased += s5 * DeltaIndex.row(e, atErase, row + 5, keyDim, ROWS);
                erased += s6 * DeltaIndex.row(e, atErase, row + 6, keyDim, ROWS);
                erased += s7 * DeltaIndex.row(e, atErase, row + 7, keyDim, ROWS);
                erased += s8 * DeltaIndex.row(e, atErase, row + 8, keyDim, ROWS);
                erased += s9 * DeltaIndex.row(e, atErase, row + 9, keyDim, ROWS);
                erased += s10 * DeltaIndex.row(e, atErase, row + 10, keyDim, ROWS);
                erased += s11 * DeltaIndex.row(e, atErase, row + 11, keyDim, ROWS);
                erased += s12 * DeltaIndex.row(e, atErase, row + 12, keyDim, ROWS);
                erased += s13 * DeltaIndex.row(e, atErase, row + 13, keyDim, ROWS);
                erased += s14 * DeltaIndex.row(e, atErase, row + 14, keyDim, ROWS);
                erased += s15 * DeltaIndex.row(e, atErase, row + 15, keyDim, ROWS);
            } else if ((form & DeltaForm.ERASE) != 0) {
                erased += s0 * DeltaIndex.row(k, atKey, row, keyDim, ROWS);
                erased += s1 * DeltaIndex.row(k, atKey, row + 1, keyDim, ROWS);
                erased += s2 * DeltaIndex.row(k, atKey, row + 2, keyDim, ROWS);
                erased += s3 * DeltaIndex.row(k, atKey, row + 3, keyDim, ROWS);
                erased += s4 * DeltaIndex.row(k, atKey, row + 4, keyDim, ROWS);
                erased += s5 * DeltaIndex.row(k, atKey, row + 5, keyDim, ROWS);
                erased += s6 * DeltaIndex.row(k, atKey, row + 6, keyDim, ROWS);
                erased += s7 * DeltaIndex.row(k, atKey, row + 7, keyDim, ROWS);
                erased += s8 * DeltaIndex.row(k, atKey, row + 8, keyDim, ROWS);
                erased += s9 * DeltaIndex.row(k, atKey, row + 9, keyDim, ROWS);
                erased += s10 * DeltaIndex.row(k, atKey, row + 10, keyDim, ROWS);
                erased += s11 * DeltaIndex.row(k, atKey, row + 11, keyDim, ROWS);
                erased += s12 * DeltaIndex.row(k, atKey, row + 12, keyDim, ROWS);
                erased += s13 * DeltaIndex.row(k, atKey, row + 13, keyDim, ROWS);
                erased += s14 * DeltaIndex.row(k, atKey, row + 14, keyDim, ROWS);
                erased += s15 * DeltaIndex.row(k, atKey, row + 15, keyDim, ROWS);
            }
            reads[strip * COLUMNS + lane] = read;
            erasures[strip * COLUMNS + lane] = erased;
            if (lane == 0) {
                scalars[strip * SCALARS] = meeting;
                scalars[strip * SCALARS + 1] = querySquares;
                scalars[strip * SCALARS + 2] = keySquares;
                scalars[strip * SCALARS + 3] = eraseSquares;
            }
            context.localBarrier();
            read = 0.0f;
            erased = 0.0f;
            meeting = 0.0f;
            querySquares = UnitRows.EPSILON;
            keySquares = UnitRows.EPSILON;
            eraseSquares = UnitRows.EPSILON;
            for (int i = 0; i < strips; i++) {
                read += reads[i * COLUMNS + lane];
                erased += erasures[i * COLUMNS + lane];
                meeting += scalars[i * SCALARS];
                querySquares += scalars[i * SCALARS + 1];
                keySquares += scalars[i * SCALARS + 2];
                eraseSquares += scalars[i * SCALARS + 3];
            }
            float queryFactor = 1.0f;
            float keyFactor = 1.0f;
            float eraseFactor = 1.0f;
            if ((form & DeltaForm.NORMALIZE) != 0) {
                queryFactor = 1.0f / TornadoMath.sqrt(querySquares);
                keyFactor = 1.0f / TornadoMath.sqrt(keySquares);
                eraseFactor = keyFactor;
                if ((form & DeltaForm.OWN_KEY) != 0) {
                    eraseFactor = 1.0f / TornadoMath.sqrt(eraseSquares);
                }
            }
            float update = target - erased * eraseFactor;
            if ((form & DeltaForm.BETA) != 0) {
                update *= beta.get(t * heads + head);
            }
            update *= keyFactor;
            s0 += DeltaIndex.row(k, atKey, row, keyDim, ROWS) * update;
            s1 += DeltaIndex.row(k, atKey, row + 1, keyDim, ROWS) * update;
            s2 += DeltaIndex.row(k, atKey, row + 2, keyDim, ROWS) * update;
            s3 += DeltaIndex.row(k, atKey, row + 3, keyDim, ROWS) * update;
            s4 += DeltaIndex.row(k, atKey, row + 4, keyDim, ROWS) * update;
            s5 += DeltaIndex.row(k, atKey, row + 5, keyDim, ROWS) * update;
            s6 += DeltaIndex.row(k, atKey, row + 6, keyDim, ROWS) * update;
            s7 += DeltaIndex.row(k, atKey, row + 7, keyDim, ROWS) * update;
            s8 += DeltaIndex.row(k, atKey, row + 8, keyDim, ROWS) * update;
            s9 += DeltaIndex.row(k, atKey, row + 9, keyDim, ROWS) * update;
            s10 += DeltaIndex.row(k, atKey, row + 10, keyDim, ROWS) * update;
            s11 += DeltaIndex.row(k, atKey, row + 11, keyDim, ROWS) * update;
            s12 += DeltaIndex.row(k, atKey, row + 12, keyDim, ROWS) * update;
            s13 += DeltaIndex.row(k, atKey, row + 13, keyDim, ROWS) * update;
            s14 += DeltaIndex.row(k, atKey, row + 14, keyDim, ROWS) * update;
            s15 += DeltaIndex.row(k, atKey, row + 15, keyDim, ROWS) * update;
            if ((form & DeltaForm.READ_BEFORE) == 0) {
                read += meeting * update;
            }
            if (strip == 0 && inside != 0) {
                o.set((t * heads + head) * valueDim + column, read * queryFactor * scale);
            }
            context.localBarrier();
        }
        if (inside != 0 && (first < end || clear != 0)) {
            stateTo(state, s, row, keyDim, valueDim, s0);
            stateTo(state, s, row + 1, keyDim, valueDim, s1);
            stateTo(state, s, row + 2, keyDim, valueDim, s2);
            stateTo(state, s, row + 3, keyDim, valueDim, s3);
            stateTo(state, s, row + 4, keyDim, valueDim, s4);
            stateTo(state, s, row + 5, keyDim, valueDim, s5);
            stateTo(state, s, row + 6, keyDim, valueDim, s6);
            stateTo(state, s, row + 7, keyDim, valueDim, s7);
            stateTo(state, s, row + 8, keyDim, valueDim, s8);
            stateTo(state, s, row + 9, keyDim, valueDim, s9);
            stateTo(state, s, row + 10, keyDim, valueDim, s10);
            stateTo(state, s, row + 11, keyDim, valueDim, s11);
            stateTo(state, s, row + 12, keyDim, valueDim, s12);
            stateTo(state, s, row + 13, keyDim, valueDim, s13);
            stateTo(state, s, row + 14, keyDim, valueDim, s14);
            stateTo(state, s, row + 15, keyDim, valueDim, s15);
        }
    }

    /** An element of the state. Rows past the last, which all keys are 0 for, are the last: loads need no branch. */
    private static float stateAt(FloatArray state, int at, int row, int keyDim, int valueDim) {
        int used = row;
        if (keyDim % ROWS != 0) {
            used = TornadoMath.min(row, keyDim - 1);
        }
        return state.get(at + used * valueDim);
    }

    private static void stateTo(FloatArray state, int at, int row, int keyDim, int valueDim, float value) {
        if (keyDim % ROWS == 0 || row < keyDim) {
            state.set(at + row * valueDim, value);
        }
    }

    /** What a channel decays by. */
    private static float channelFactor(FloatArray g, int at, int row, int keyDim) {
        return TornadoMath.exp(TornadoMath.max(DeltaIndex.row(g, at, row, keyDim, ROWS), DeltaForm.LEAST_DECAY));
    }
}
