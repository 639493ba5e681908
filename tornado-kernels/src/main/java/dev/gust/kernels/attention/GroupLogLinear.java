package dev.gust.kernels.attention;

import uk.ac.manchester.tornado.api.KernelContext;
import uk.ac.manchester.tornado.api.math.TornadoMath;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;

/**
 * Log-linear attention, token by token: {@link PortableLogLinear} for GPUs.
 *
 * <p>A group has {@link #COLUMNS} columns of one head's states; a work-item goes through every {@link #STRIPS}th row of one of
 * them, so that neighbours read neighbouring words. A head decays as a whole, so what a level has decayed by since it was
 * written is one number in local memory: a token reads the levels that are there and writes the one that takes it along, and
 * only the last token of a call writes all of them. Lengths of q and k are found with their product.
 */
public final class GroupLogLinear {
    /** Columns of a group, one to a work-item. */
    public static final int COLUMNS = 32;

    /** Work-items that share a column's rows. */
    public static final int STRIPS = 8;

    /** Work-items of a group. */
    public static final int LOCAL = COLUMNS * STRIPS;

    /** Room for the levels; a sequence has at most 18. */
    static final int MOST_LEVELS = 32;

    /** Floats of local memory. */
    public static final int LOCAL_FLOATS = LOCAL + 3 * STRIPS + 2 * MOST_LEVELS;

    private GroupLogLinear() {}

    /**
     * The kernel, for N · HV · ceil(V / {@link #COLUMNS}) groups of {@link #LOCAL}.
     *
     * @param shape see {@link DeltaShape}
     * @param sequences as {@link PortableDelta}'s
     * @param positions as {@link PortableLogLinear}'s, as are the seven that follow
     * @param normalize 1 where q and k are divided by √(Σ x² + 10⁻⁶), else 0
     * @param scale multiplies q
     * @param keyDim K
     * @param valueDim V
     */
    public static void logLinearGroups(
            KernelContext context,
            IntArray shape,
            IntArray sequences,
            IntArray positions,
            FloatArray q,
            FloatArray k,
            FloatArray v,
            FloatArray g,
            FloatArray levelScales,
            FloatArray state,
            FloatArray o,
            int normalize,
            float scale,
            int keyDim,
            int valueDim) {
        float[] reads = context.allocateFloatLocalArray(LOCAL);
        float[] meetings = context.allocateFloatLocalArray(STRIPS);
        float[] querySquares = context.allocateFloatLocalArray(STRIPS);
        float[] keySquares = context.allocateFloatLocalArray(STRIPS);
        // What levels have decayed by: one half is read while the other is written.
        float[] fades = context.allocateFloatLocalArray(2 * MOST_LEVELS);
        int item = context.localIdx;
        int lane = item % COLUMNS;
        int strip = item / COLUMNS;
        int heads = shape.get(DeltaShape.VALUE_HEADS);
        int capacity = shape.get(DeltaShape.CAPACITY);
        int levels = positions.get(capacity);
        int blocks = (valueDim + COLUMNS - 1) / COLUMNS;
        int column = context.groupIdx % blocks * COLUMNS + lane;
        int line = context.groupIdx / blocks;
        int head = line % heads;
        int sequence = line / heads;
        int queryHeads = shape.get(DeltaShape.QUERY_HEADS);
        int keyHeads = shape.get(DeltaShape.KEY_HEADS);
        int queryHead = DeltaIndex.head(shape, head, queryHeads);
        int keyHead = DeltaIndex.head(shape, head, keyHeads);
        int first = sequences.get(sequence);
        int end = sequences.get(sequence + 1);
        int before = positions.get(sequence) - first;
        // Columns past the last have no rows.
        int rows = column < valueDim ? keyDim : 0;
        int home = line * levels * keyDim * valueDim + column;
        if (sequences.get(capacity + 1 + sequence) != 0) {
            for (int level = 0; level < levels; level++) {
                for (int d = strip; d < rows; d += STRIPS) {
                    state.set(home + (level * keyDim + d) * valueDim, 0.0f);
                }
            }
        }
        if (item < MOST_LEVELS) {
            fades[item] = 1.0f;
            fades[MOST_LEVELS + item] = 1.0f;
        }
        context.localBarrier();
        int highest = 0;
        int half = 0;
        for (int t = first; t < end; t++) {
            int tokens = before + t;
            int at = t * heads + head;
            int atQuery = (t * queryHeads + queryHead) * keyDim;
            int atKey = (t * keyHeads + keyHead) * keyDim;
            float decay = TornadoMath.exp(DeltaIndex.decay(g, DeltaForm.TOKEN_DECAY, t, head, heads, 0, keyDim));
            float value = 0.0f;
            if (column < valueDim) {
                value = v.get(at * valueDim + column);
            }
            float meeting = 0.0f;
            float querySquare = 0.0f;
            float keySquare = 0.0f;
            for (int d = strip; d < keyDim; d += STRIPS) {
                float query = q.get(atQuery + d);
                float key = k.get(atKey + d);
                meeting += query * key;
                querySquare += query * query;
                keySquare += key * key;
            }
            float read = 0.0f;
            int target = 1;
            int ones = 1;
            for (int level = 1; level < levels; level++) {
                int there = (tokens >> (level - 1)) & 1;
                ones = ones * there;
                target += ones;
                float fade = fades[half + level] * decay;
                float sum = 0.0f;
                for (int d = strip; d < rows * there; d += STRIPS) {
                    int element = home + (level * keyDim + d) * valueDim;
                    float held = state.get(element) * fade;
                    if (t == end - 1) {
                        state.set(element, held);
                    }
                    sum += held * q.get(atQuery + d);
                }
                read += levelScales.get(at * levels + level) * sum;
            }
            reads[item] = read;
            if (lane == 0) {
                meetings[strip] = meeting;
                if (normalize != 0) {
                    querySquares[strip] = querySquare;
                    keySquares[strip] = keySquare;
                }
            }
            context.localBarrier();
            float queryFactor = scale;
            float keyFactor = 1.0f;
            if (normalize != 0) {
                querySquare = UnitRows.EPSILON;
                keySquare = UnitRows.EPSILON;
                for (int i = 0; i < STRIPS; i++) {
                    querySquare += querySquares[i];
                    keySquare += keySquares[i];
                }
                queryFactor = scale / TornadoMath.sqrt(querySquare);
                keyFactor = 1.0f / TornadoMath.sqrt(keySquare);
            }
            value *= keyFactor;
            if (strip == 0 && column < valueDim) {
                float result = 0.0f;
                float own = 0.0f;
                for (int i = 0; i < STRIPS; i++) {
                    result += reads[i * COLUMNS + lane];
                    own += meetings[i];
                }
                o.set(at * valueDim + column, (result + levelScales.get(at * levels) * own * value) * queryFactor);
            }
            // The token goes to the level above the last bits that are set, and takes their states along.
            for (int d = strip; d < rows; d += STRIPS) {
                float sum = k.get(atKey + d) * value;
                for (int level = 1; level < target; level++) {
                    float fade = t == end - 1 ? 1.0f : fades[half + level] * decay;
                    sum += state.get(home + (level * keyDim + d) * valueDim) * fade;
                }
                state.set(home + (target * keyDim + d) * valueDim, sum);
            }
            highest = TornadoMath.max(highest, target);
            int other = MOST_LEVELS - half;
            if (item < levels) {
                fades[other + item] = item == target ? 1.0f : fades[half + item] * decay;
            }
            half = other;
            context.localBarrier();
        }
        int after = before + end;
        for (int level = 1; level < highest; level++) {
            int gone = 1 - ((after >> (level - 1)) & 1);
            for (int d = strip; d < rows * gone; d += STRIPS) {
                state.set(home + (level * keyDim + d) * valueDim, 0.0f);
            }
        }
    }
}
