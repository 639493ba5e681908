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
    public static final int ROWS = 32;

    /** The largest K: a group has at most 1024 work-items. */
    public static final int MOST_ROWS = 1024;

    /** Sums that each strip of rows has but once: k·q, and the squares of q, k and e. */
    public static final int SCALARS = 4;

    private GroupDelta() {}

    /**
     * The kernel, for N · HV · ceil(V / 32) groups of 32 · ceil(K / 32) work-items. Arguments as in {@link PortableDelta},
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
        float s16 = 0.0f;
        float s17 = 0.0f;
        float s18 = 0.0f;
        float s19 = 0.0f;
        float s20 = 0.0f;
        float s21 = 0.0f;
        float s22 = 0.0f;
        float s23 = 0.0f;
        float s24 = 0.0f;
        float s25 = 0.0f;
        float s26 = 0.0f;
        float s27 = 0.0f;
        float s28 = 0.0f;
        float s29 = 0.0f;
        float s30 = 0.0f;
        float s31 = 0.0f;
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
            s16 = stateAt(state, s, row + 16, keyDim, valueDim);
            s17 = stateAt(state, s, row + 17, keyDim, valueDim);
            s18 = stateAt(state, s, row + 18, keyDim, valueDim);
            s19 = stateAt(state, s, row + 19, keyDim, valueDim);
            s20 = stateAt(state, s, row + 20, keyDim, valueDim);
            s21 = stateAt(state, s, row + 21, keyDim, valueDim);
            s22 = stateAt(state, s, row + 22, keyDim, valueDim);
            s23 = stateAt(state, s, row + 23, keyDim, valueDim);
            s24 = stateAt(state, s, row + 24, keyDim, valueDim);
            s25 = stateAt(state, s, row + 25, keyDim, valueDim);
            s26 = stateAt(state, s, row + 26, keyDim, valueDim);
            s27 = stateAt(state, s, row + 27, keyDim, valueDim);
            s28 = stateAt(state, s, row + 28, keyDim, valueDim);
            s29 = stateAt(state, s, row + 29, keyDim, valueDim);
            s30 = stateAt(state, s, row + 30, keyDim, valueDim);
            s31 = stateAt(state, s, row + 31, keyDim, valueDim);
        }
        for (int t = first; t < end; t++) {
            int atQuery = (t * queryHeads + queryHead) * keyDim;
            int atKey = (t * keyHeads + keyHead) * keyDim;
            int atErase = (t * eraseHeads + eraseHead) * keyDim;
            float target = 0.0f;
            if (inside != 0) {
                target = v.get((t * heads + head) * valueDim + column);
            }
            float factor = 1.0f;
            if ((form & DeltaForm.DECAY) == DeltaForm.HEAD_DECAY || (form & DeltaForm.DECAY) == DeltaForm.TOKEN_DECAY) {
                factor = TornadoMath.exp(DeltaIndex.decay(g, form, t, head, heads, 0, keyDim));
            }
            int atGate = (t * heads + head) * keyDim;
            float meeting = 0.0f;
            float querySquares = 0.0f;
            float keySquares = 0.0f;
            float read = 0.0f;
            float erased = 0.0f;
            float k0 = DeltaIndex.row(k, atKey, row, keyDim, ROWS);
            float q0 = DeltaIndex.row(q, atQuery, row, keyDim, ROWS);
            float k1 = DeltaIndex.row(k, atKey, row + 1, keyDim, ROWS);
            float q1 = DeltaIndex.row(q, atQuery, row + 1, keyDim, ROWS);
            float k2 = DeltaIndex.row(k, atKey, row + 2, keyDim, ROWS);
            float q2 = DeltaIndex.row(q, atQuery, row + 2, keyDim, ROWS);
            float k3 = DeltaIndex.row(k, atKey, row + 3, keyDim, ROWS);
            float q3 = DeltaIndex.row(q, atQuery, row + 3, keyDim, ROWS);
            float k4 = DeltaIndex.row(k, atKey, row + 4, keyDim, ROWS);
            float q4 = DeltaIndex.row(q, atQuery, row + 4, keyDim, ROWS);
            float k5 = DeltaIndex.row(k, atKey, row + 5, keyDim, ROWS);
            float q5 = DeltaIndex.row(q, atQuery, row + 5, keyDim, ROWS);
            float k6 = DeltaIndex.row(k, atKey, row + 6, keyDim, ROWS);
            float q6 = DeltaIndex.row(q, atQuery, row + 6, keyDim, ROWS);
            float k7 = DeltaIndex.row(k, atKey, row + 7, keyDim, ROWS);
            float q7 = DeltaIndex.row(q, atQuery, row + 7, keyDim, ROWS);
            float k8 = DeltaIndex.row(k, atKey, row + 8, keyDim, ROWS);
            float q8 = DeltaIndex.row(q, atQuery, row + 8, keyDim, ROWS);
            float k9 = DeltaIndex.row(k, atKey, row + 9, keyDim, ROWS);
            float q9 = DeltaIndex.row(q, atQuery, row + 9, keyDim, ROWS);
            float k10 = DeltaIndex.row(k, atKey, row + 10, keyDim, ROWS);
            float q10 = DeltaIndex.row(q, atQuery, row + 10, keyDim, ROWS);
            float k11 = DeltaIndex.row(k, atKey, row + 11, keyDim, ROWS);
            float q11 = DeltaIndex.row(q, atQuery, row + 11, keyDim, ROWS);
            float k12 = DeltaIndex.row(k, atKey, row + 12, keyDim, ROWS);
            float q12 = DeltaIndex.row(q, atQuery, row + 12, keyDim, ROWS);
            float k13 = DeltaIndex.row(k, atKey, row + 13, keyDim, ROWS);
            float q13 = DeltaIndex.row(q, atQuery, row + 13, keyDim, ROWS);
            float k14 = DeltaIndex.row(k, atKey, row + 14, keyDim, ROWS);
            float q14 = DeltaIndex.row(q, atQuery, row + 14, keyDim, ROWS);
            float k15 = DeltaIndex.row(k, atKey, row + 15, keyDim, ROWS);
            float q15 = DeltaIndex.row(q, atQuery, row + 15, keyDim, ROWS);
            float k16 = DeltaIndex.row(k, atKey, row + 16, keyDim, ROWS);
            float q16 = DeltaIndex.row(q, atQuery, row + 16, keyDim, ROWS);
            float k17 = DeltaIndex.row(k, atKey, row + 17, keyDim, ROWS);
            float q17 = DeltaIndex.row(q, atQuery, row + 17, keyDim, ROWS);
            float k18 = DeltaIndex.row(k, atKey, row + 18, keyDim, ROWS);
            float q18 = DeltaIndex.row(q, atQuery, row + 18, keyDim, ROWS);
            float k19 = DeltaIndex.row(k, atKey, row + 19, keyDim, ROWS);
            float q19 = DeltaIndex.row(q, atQuery, row + 19, keyDim, ROWS);
            float k20 = DeltaIndex.row(k, atKey, row + 20, keyDim, ROWS);
            float q20 = DeltaIndex.row(q, atQuery, row + 20, keyDim, ROWS);
            float k21 = DeltaIndex.row(k, atKey, row + 21, keyDim, ROWS);
            float q21 = DeltaIndex.row(q, atQuery, row + 21, keyDim, ROWS);
            float k22 = DeltaIndex.row(k, atKey, row + 22, keyDim, ROWS);
            float q22 = DeltaIndex.row(q, atQuery, row + 22, keyDim, ROWS);
            float k23 = DeltaIndex.row(k, atKey, row + 23, keyDim, ROWS);
            float q23 = DeltaIndex.row(q, atQuery, row + 23, keyDim, ROWS);
            float k24 = DeltaIndex.row(k, atKey, row + 24, keyDim, ROWS);
            float q24 = DeltaIndex.row(q, atQuery, row + 24, keyDim, ROWS);
            float k25 = DeltaIndex.row(k, atKey, row + 25, keyDim, ROWS);
            float q25 = DeltaIndex.row(q, atQuery, row + 25, keyDim, ROWS);
            float k26 = DeltaIndex.row(k, atKey, row + 26, keyDim, ROWS);
            float q26 = DeltaIndex.row(q, atQuery, row + 26, keyDim, ROWS);
            float k27 = DeltaIndex.row(k, atKey, row + 27, keyDim, ROWS);
            float q27 = DeltaIndex.row(q, atQuery, row + 27, keyDim, ROWS);
            float k28 = DeltaIndex.row(k, atKey, row + 28, keyDim, ROWS);
            float q28 = DeltaIndex.row(q, atQuery, row + 28, keyDim, ROWS);
            float k29 = DeltaIndex.row(k, atKey, row + 29, keyDim, ROWS);
            float q29 = DeltaIndex.row(q, atQuery, row + 29, keyDim, ROWS);
            float k30 = DeltaIndex.row(k, atKey, row + 30, keyDim, ROWS);
            float q30 = DeltaIndex.row(q, atQuery, row + 30, keyDim, ROWS);
            float k31 = DeltaIndex.row(k, atKey, row + 31, keyDim, ROWS);
            float q31 = DeltaIndex.row(q, atQuery, row + 31, keyDim, ROWS);
            meeting += q0 * k0;
            querySquares += q0 * q0;
            keySquares += k0 * k0;
            meeting += q1 * k1;
            querySquares += q1 * q1;
            keySquares += k1 * k1;
            meeting += q2 * k2;
            querySquares += q2 * q2;
            keySquares += k2 * k2;
            meeting += q3 * k3;
            querySquares += q3 * q3;
            keySquares += k3 * k3;
            meeting += q4 * k4;
            querySquares += q4 * q4;
            keySquares += k4 * k4;
            meeting += q5 * k5;
            querySquares += q5 * q5;
            keySquares += k5 * k5;
            meeting += q6 * k6;
            querySquares += q6 * q6;
            keySquares += k6 * k6;
            meeting += q7 * k7;
            querySquares += q7 * q7;
            keySquares += k7 * k7;
            meeting += q8 * k8;
            querySquares += q8 * q8;
            keySquares += k8 * k8;
            meeting += q9 * k9;
            querySquares += q9 * q9;
            keySquares += k9 * k9;
            meeting += q10 * k10;
            querySquares += q10 * q10;
            keySquares += k10 * k10;
            meeting += q11 * k11;
            querySquares += q11 * q11;
            keySquares += k11 * k11;
            meeting += q12 * k12;
            querySquares += q12 * q12;
            keySquares += k12 * k12;
            meeting += q13 * k13;
            querySquares += q13 * q13;
            keySquares += k13 * k13;
            meeting += q14 * k14;
            querySquares += q14 * q14;
            keySquares += k14 * k14;
            meeting += q15 * k15;
            querySquares += q15 * q15;
            keySquares += k15 * k15;
            meeting += q16 * k16;
            querySquares += q16 * q16;
            keySquares += k16 * k16;
            meeting += q17 * k17;
            querySquares += q17 * q17;
            keySquares += k17 * k17;
            meeting += q18 * k18;
            querySquares += q18 * q18;
            keySquares += k18 * k18;
            meeting += q19 * k19;
            querySquares += q19 * q19;
            keySquares += k19 * k19;
            meeting += q20 * k20;
            querySquares += q20 * q20;
            keySquares += k20 * k20;
            meeting += q21 * k21;
            querySquares += q21 * q21;
            keySquares += k21 * k21;
            meeting += q22 * k22;
            querySquares += q22 * q22;
            keySquares += k22 * k22;
            meeting += q23 * k23;
            querySquares += q23 * q23;
            keySquares += k23 * k23;
            meeting += q24 * k24;
            querySquares += q24 * q24;
            keySquares += k24 * k24;
            meeting += q25 * k25;
            querySquares += q25 * q25;
            keySquares += k25 * k25;
            meeting += q26 * k26;
            querySquares += q26 * q26;
            keySquares += k26 * k26;
            meeting += q27 * k27;
            querySquares += q27 * q27;
            keySquares += k27 * k27;
            meeting += q28 * k28;
            querySquares += q28 * q28;
            keySquares += k28 * k28;
            meeting += q29 * k29;
            querySquares += q29 * q29;
            keySquares += k29 * k29;
            meeting += q30 * k30;
            querySquares += q30 * q30;
            keySquares += k30 * k30;
            meeting += q31 * k31;
            querySquares += q31 * q31;
            keySquares += k31 * k31;
            if ((form & DeltaForm.READ_BEFORE) != 0) {
                read += s0 * q0;
                read += s1 * q1;
                read += s2 * q2;
                read += s3 * q3;
                read += s4 * q4;
                read += s5 * q5;
                read += s6 * q6;
                read += s7 * q7;
                read += s8 * q8;
                read += s9 * q9;
                read += s10 * q10;
                read += s11 * q11;
                read += s12 * q12;
                read += s13 * q13;
                read += s14 * q14;
                read += s15 * q15;
                read += s16 * q16;
                read += s17 * q17;
                read += s18 * q18;
                read += s19 * q19;
                read += s20 * q20;
                read += s21 * q21;
                read += s22 * q22;
                read += s23 * q23;
                read += s24 * q24;
                read += s25 * q25;
                read += s26 * q26;
                read += s27 * q27;
                read += s28 * q28;
                read += s29 * q29;
                read += s30 * q30;
                read += s31 * q31;
            }
            if ((form & DeltaForm.DECAY) != 0) {
                s0 *= factorOf(g, form, factor, atGate, row, keyDim);
                s1 *= factorOf(g, form, factor, atGate, row + 1, keyDim);
                s2 *= factorOf(g, form, factor, atGate, row + 2, keyDim);
                s3 *= factorOf(g, form, factor, atGate, row + 3, keyDim);
                s4 *= factorOf(g, form, factor, atGate, row + 4, keyDim);
                s5 *= factorOf(g, form, factor, atGate, row + 5, keyDim);
                s6 *= factorOf(g, form, factor, atGate, row + 6, keyDim);
                s7 *= factorOf(g, form, factor, atGate, row + 7, keyDim);
                s8 *= factorOf(g, form, factor, atGate, row + 8, keyDim);
                s9 *= factorOf(g, form, factor, atGate, row + 9, keyDim);
                s10 *= factorOf(g, form, factor, atGate, row + 10, keyDim);
                s11 *= factorOf(g, form, factor, atGate, row + 11, keyDim);
                s12 *= factorOf(g, form, factor, atGate, row + 12, keyDim);
                s13 *= factorOf(g, form, factor, atGate, row + 13, keyDim);
                s14 *= factorOf(g, form, factor, atGate, row + 14, keyDim);
                s15 *= factorOf(g, form, factor, atGate, row + 15, keyDim);
                s16 *= factorOf(g, form, factor, atGate, row + 16, keyDim);
                s17 *= factorOf(g, form, factor, atGate, row + 17, keyDim);
                s18 *= factorOf(g, form, factor, atGate, row + 18, keyDim);
                s19 *= factorOf(g, form, factor, atGate, row + 19, keyDim);
                s20 *= factorOf(g, form, factor, atGate, row + 20, keyDim);
                s21 *= factorOf(g, form, factor, atGate, row + 21, keyDim);
                s22 *= factorOf(g, form, factor, atGate, row + 22, keyDim);
                s23 *= factorOf(g, form, factor, atGate, row + 23, keyDim);
                s24 *= factorOf(g, form, factor, atGate, row + 24, keyDim);
                s25 *= factorOf(g, form, factor, atGate, row + 25, keyDim);
                s26 *= factorOf(g, form, factor, atGate, row + 26, keyDim);
                s27 *= factorOf(g, form, factor, atGate, row + 27, keyDim);
                s28 *= factorOf(g, form, factor, atGate, row + 28, keyDim);
                s29 *= factorOf(g, form, factor, atGate, row + 29, keyDim);
                s30 *= factorOf(g, form, factor, atGate, row + 30, keyDim);
                s31 *= factorOf(g, form, factor, atGate, row + 31, keyDim);
            }
            if ((form & DeltaForm.READ_BEFORE) == 0) {
                read += s0 * q0;
                read += s1 * q1;
                read += s2 * q2;
                read += s3 * q3;
                read += s4 * q4;
                read += s5 * q5;
                read += s6 * q6;
                read += s7 * q7;
                read += s8 * q8;
                read += s9 * q9;
                read += s10 * q10;
                read += s11 * q11;
                read += s12 * q12;
                read += s13 * q13;
                read += s14 * q14;
                read += s15 * q15;
                read += s16 * q16;
                read += s17 * q17;
                read += s18 * q18;
                read += s19 * q19;
                read += s20 * q20;
                read += s21 * q21;
                read += s22 * q22;
                read += s23 * q23;
                read += s24 * q24;
                read += s25 * q25;
                read += s26 * q26;
                read += s27 * q27;
                read += s28 * q28;
                read += s29 * q29;
                read += s30 * q30;
                read += s31 * q31;
            }
            float eraseSquares = 0.0f;
            if ((form & DeltaForm.OWN_KEY) != 0) {
                float e0 = DeltaIndex.row(e, atErase, row, keyDim, ROWS);
                eraseSquares += e0 * e0;
                erased += s0 * e0;
                float e1 = DeltaIndex.row(e, atErase, row + 1, keyDim, ROWS);
                eraseSquares += e1 * e1;
                erased += s1 * e1;
                float e2 = DeltaIndex.row(e, atErase, row + 2, keyDim, ROWS);
                eraseSquares += e2 * e2;
                erased += s2 * e2;
                float e3 = DeltaIndex.row(e, atErase, row + 3, keyDim, ROWS);
                eraseSquares += e3 * e3;
                erased += s3 * e3;
                float e4 = DeltaIndex.row(e, atErase, row + 4, keyDim, ROWS);
                eraseSquares += e4 * e4;
                erased += s4 * e4;
                float e5 = DeltaIndex.row(e, atErase, row + 5, keyDim, ROWS);
                eraseSquares += e5 * e5;
                erased += s5 * e5;
                float e6 = DeltaIndex.row(e, atErase, row + 6, keyDim, ROWS);
                eraseSquares += e6 * e6;
                erased += s6 * e6;
                float e7 = DeltaIndex.row(e, atErase, row + 7, keyDim, ROWS);
                eraseSquares += e7 * e7;
                erased += s7 * e7;
                float e8 = DeltaIndex.row(e, atErase, row + 8, keyDim, ROWS);
                eraseSquares += e8 * e8;
                erased += s8 * e8;
                float e9 = DeltaIndex.row(e, atErase, row + 9, keyDim, ROWS);
                eraseSquares += e9 * e9;
                erased += s9 * e9;
                float e10 = DeltaIndex.row(e, atErase, row + 10, keyDim, ROWS);
                eraseSquares += e10 * e10;
                erased += s10 * e10;
                float e11 = DeltaIndex.row(e, atErase, row + 11, keyDim, ROWS);
                eraseSquares += e11 * e11;
                erased += s11 * e11;
                float e12 = DeltaIndex.row(e, atErase, row + 12, keyDim, ROWS);
                eraseSquares += e12 * e12;
                erased += s12 * e12;
                float e13 = DeltaIndex.row(e, atErase, row + 13, keyDim, ROWS);
                eraseSquares += e13 * e13;
                erased += s13 * e13;
                float e14 = DeltaIndex.row(e, atErase, row + 14, keyDim, ROWS);
                eraseSquares += e14 * e14;
                erased += s14 * e14;
                float e15 = DeltaIndex.row(e, atErase, row + 15, keyDim, ROWS);
                eraseSquares += e15 * e15;
                erased += s15 * e15;
                float e16 = DeltaIndex.row(e, atErase, row + 16, keyDim, ROWS);
                eraseSquares += e16 * e16;
                erased += s16 * e16;
                float e17 = DeltaIndex.row(e, atErase, row + 17, keyDim, ROWS);
                eraseSquares += e17 * e17;
                erased += s17 * e17;
                float e18 = DeltaIndex.row(e, atErase, row + 18, keyDim, ROWS);
                eraseSquares += e18 * e18;
                erased += s18 * e18;
                float e19 = DeltaIndex.row(e, atErase, row + 19, keyDim, ROWS);
                eraseSquares += e19 * e19;
                erased += s19 * e19;
                float e20 = DeltaIndex.row(e, atErase, row + 20, keyDim, ROWS);
                eraseSquares += e20 * e20;
                erased += s20 * e20;
                float e21 = DeltaIndex.row(e, atErase, row + 21, keyDim, ROWS);
                eraseSquares += e21 * e21;
                erased += s21 * e21;
                float e22 = DeltaIndex.row(e, atErase, row + 22, keyDim, ROWS);
                eraseSquares += e22 * e22;
                erased += s22 * e22;
                float e23 = DeltaIndex.row(e, atErase, row + 23, keyDim, ROWS);
                eraseSquares += e23 * e23;
                erased += s23 * e23;
                float e24 = DeltaIndex.row(e, atErase, row + 24, keyDim, ROWS);
                eraseSquares += e24 * e24;
                erased += s24 * e24;
                float e25 = DeltaIndex.row(e, atErase, row + 25, keyDim, ROWS);
                eraseSquares += e25 * e25;
                erased += s25 * e25;
                float e26 = DeltaIndex.row(e, atErase, row + 26, keyDim, ROWS);
                eraseSquares += e26 * e26;
                erased += s26 * e26;
                float e27 = DeltaIndex.row(e, atErase, row + 27, keyDim, ROWS);
                eraseSquares += e27 * e27;
                erased += s27 * e27;
                float e28 = DeltaIndex.row(e, atErase, row + 28, keyDim, ROWS);
                eraseSquares += e28 * e28;
                erased += s28 * e28;
                float e29 = DeltaIndex.row(e, atErase, row + 29, keyDim, ROWS);
                eraseSquares += e29 * e29;
                erased += s29 * e29;
                float e30 = DeltaIndex.row(e, atErase, row + 30, keyDim, ROWS);
                eraseSquares += e30 * e30;
                erased += s30 * e30;
                float e31 = DeltaIndex.row(e, atErase, row + 31, keyDim, ROWS);
                eraseSquares += e31 * e31;
                erased += s31 * e31;
            } else if ((form & DeltaForm.ERASE) != 0) {
                erased += s0 * k0;
                erased += s1 * k1;
                erased += s2 * k2;
                erased += s3 * k3;
                erased += s4 * k4;
                erased += s5 * k5;
                erased += s6 * k6;
                erased += s7 * k7;
                erased += s8 * k8;
                erased += s9 * k9;
                erased += s10 * k10;
                erased += s11 * k11;
                erased += s12 * k12;
                erased += s13 * k13;
                erased += s14 * k14;
                erased += s15 * k15;
                erased += s16 * k16;
                erased += s17 * k17;
                erased += s18 * k18;
                erased += s19 * k19;
                erased += s20 * k20;
                erased += s21 * k21;
                erased += s22 * k22;
                erased += s23 * k23;
                erased += s24 * k24;
                erased += s25 * k25;
                erased += s26 * k26;
                erased += s27 * k27;
                erased += s28 * k28;
                erased += s29 * k29;
                erased += s30 * k30;
                erased += s31 * k31;
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
                meeting += scalars[i * SCALARS];
                if ((form & DeltaForm.ERASE) != 0) {
                    erased += erasures[i * COLUMNS + lane];
                }
                if ((form & DeltaForm.NORMALIZE) != 0) {
                    querySquares += scalars[i * SCALARS + 1];
                    keySquares += scalars[i * SCALARS + 2];
                }
                if ((form & DeltaForm.OWN_KEY) != 0) {
                    eraseSquares += scalars[i * SCALARS + 3];
                }
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
            s0 += k0 * update;
            s1 += k1 * update;
            s2 += k2 * update;
            s3 += k3 * update;
            s4 += k4 * update;
            s5 += k5 * update;
            s6 += k6 * update;
            s7 += k7 * update;
            s8 += k8 * update;
            s9 += k9 * update;
            s10 += k10 * update;
            s11 += k11 * update;
            s12 += k12 * update;
            s13 += k13 * update;
            s14 += k14 * update;
            s15 += k15 * update;
            s16 += k16 * update;
            s17 += k17 * update;
            s18 += k18 * update;
            s19 += k19 * update;
            s20 += k20 * update;
            s21 += k21 * update;
            s22 += k22 * update;
            s23 += k23 * update;
            s24 += k24 * update;
            s25 += k25 * update;
            s26 += k26 * update;
            s27 += k27 * update;
            s28 += k28 * update;
            s29 += k29 * update;
            s30 += k30 * update;
            s31 += k31 * update;
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
            stateTo(state, s, row + 16, keyDim, valueDim, s16);
            stateTo(state, s, row + 17, keyDim, valueDim, s17);
            stateTo(state, s, row + 18, keyDim, valueDim, s18);
            stateTo(state, s, row + 19, keyDim, valueDim, s19);
            stateTo(state, s, row + 20, keyDim, valueDim, s20);
            stateTo(state, s, row + 21, keyDim, valueDim, s21);
            stateTo(state, s, row + 22, keyDim, valueDim, s22);
            stateTo(state, s, row + 23, keyDim, valueDim, s23);
            stateTo(state, s, row + 24, keyDim, valueDim, s24);
            stateTo(state, s, row + 25, keyDim, valueDim, s25);
            stateTo(state, s, row + 26, keyDim, valueDim, s26);
            stateTo(state, s, row + 27, keyDim, valueDim, s27);
            stateTo(state, s, row + 28, keyDim, valueDim, s28);
            stateTo(state, s, row + 29, keyDim, valueDim, s29);
            stateTo(state, s, row + 30, keyDim, valueDim, s30);
            stateTo(state, s, row + 31, keyDim, valueDim, s31);
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

    /** What a row decays by: its own gate, or that of all rows. */
    private static float factorOf(FloatArray g, int form, float shared, int at, int row, int keyDim) {
        float factor = shared;
        if ((form & DeltaForm.DECAY) == DeltaForm.CHANNEL_DECAY) {
            factor = TornadoMath.exp(TornadoMath.max(DeltaIndex.row(g, at, row, keyDim, ROWS), DeltaForm.LEAST_DECAY));
        }
        return factor;
    }
}
