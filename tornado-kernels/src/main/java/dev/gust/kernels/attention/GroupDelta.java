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
 * The generic delta step, token by token, with the state in registers: {@link PortableDelta} for GPUs.
 *
 * <p>The state lies in work-items as {@link StateTile} says, and is read once and written once, however many tokens there are. Rows of q, the keys and the gates come through local memory: each element is read, and each gate's exponential taken,
 * by one work-item, while the state is under way. One pass over the state gives both products, as {@code Sᵀq = S̃ᵀq + (k·q)
 * u}; work-items of a column add up their parts in local memory. Lengths of q and the keys are found on the way and multiply
 * the sums.
 */
public final class GroupDelta {
    /** The largest K: what a group shares has to fit into local memory. */
    public static final int MOST_ROWS = 512;

    /** Sums that each strip of rows has but once: k·q, or e·q for a bonus, and the squares of q, k and e. */
    public static final int SCALARS = 4;

    /** Rows in local memory, each twice: those of the next token are stored while those of the last are still read. */
    private static final int SHARED = 2 * 4;

    private GroupDelta() {}

    /** Floats of local memory. */
    public static int localFloats(int keyDim) {
        int strips = (keyDim + ROWS - 1) / ROWS;
        return strips * (2 * COLUMNS + SCALARS + SHARED * ROWS);
    }

    /**
     * The kernel, for N · HV · ceil(V / {@link StateTile#COLUMNS}) groups of {@link StateTile#LANES} · ceil(K / {@link StateTile#ROWS}) work-items. Arguments as in {@link PortableDelta},
     * and
     *
     * @param e one float unless there is a key beside k
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
        float[] queries = context.allocateFloatLocalArray((keyDim + ROWS - 1) / ROWS * ROWS * 2);
        float[] keys = context.allocateFloatLocalArray((keyDim + ROWS - 1) / ROWS * ROWS * 2);
        float[] erasers = context.allocateFloatLocalArray((keyDim + ROWS - 1) / ROWS * ROWS * 2);
        float[] factors = context.allocateFloatLocalArray((keyDim + ROWS - 1) / ROWS * ROWS * 2);
        int item = context.localIdx;
        int lane = item % LANES;
        int strip = item / LANES;
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
        long home = StateTile.home(sequence * heads + head, strip % strips * ROWS, column, keyDim, valueDim);
        int rowsBelow = keyDim - 1 - row;
        int columnsBeside = valueDim - 1 - column;
        // Arrays of constant length that only unrolled loops index are registers on a GPU.
        float[] held = new float[ROWS * SPAN];
        for (int i = 0; i < ROWS * SPAN; i++) {
            held[i] = 0.0f;
        }
        float[] read = new float[SPAN];
        for (int j = 0; j < SPAN; j++) {
            read[j] = 0.0f;
        }
        float[] erased = new float[SPAN];
        for (int j = 0; j < SPAN; j++) {
            erased[j] = 0.0f;
        }
        float[] target = new float[SPAN];
        for (int j = 0; j < SPAN; j++) {
            target[j] = 0.0f;
        }
        if (first < end && clear == 0) {
            for (int i = 0; i < ROWS; i++) {
                for (int j = 0; j < SPAN; j++) {
                    int from = StateTile.place(home, i, j * LANES, rowsBelow, columnsBeside, keyDim, valueDim);
                    held[i * SPAN + j] = state.get(from);
                }
            }
        }
        for (int t = first; t < end; t++) {
            int atQuery = (t * queryHeads + queryHead) * keyDim;
            int atKey = (t * keyHeads + keyHead) * keyDim;
            int atErase = (t * eraseHeads + eraseHead) * keyDim;
            float factor = 1.0f;
            if ((form & DeltaForm.DECAY) == DeltaForm.HEAD_DECAY || (form & DeltaForm.DECAY) == DeltaForm.TOKEN_DECAY) {
                factor = TornadoMath.exp(DeltaIndex.decay(g, form, t, head, heads, 0, keyDim));
            }
            float strength = 1.0f;
            if ((form & DeltaForm.BETA) != 0) {
                strength = beta.get(t * heads + head);
            }
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
                float erase = 0.0f;
                if ((form & DeltaForm.OWN_KEY) != 0) {
                    erase = DeltaIndex.row(e, atErase, place, keyDim, ROWS);
                }
                float gate = 0.0f;
                if ((form & DeltaForm.DECAY) == DeltaForm.CHANNEL_DECAY) {
                    gate = DeltaIndex.row(g, (t * heads + head) * keyDim, place, keyDim, ROWS);
                }
                queries[shared + place] = query;
                keys[shared + place] = key;
                if ((form & DeltaForm.OWN_KEY) != 0) {
                    erasers[shared + place] = erase;
                }
                if ((form & DeltaForm.DECAY) == DeltaForm.CHANNEL_DECAY) {
                    factors[shared + place] = TornadoMath.exp(TornadoMath.max(gate, DeltaForm.LEAST_DECAY));
                }
            }
            context.localBarrier();
            shared += row;
            float meeting = 0.0f;
            float querySquares = 0.0f;
            float keySquares = 0.0f;
            float eraseSquares = 0.0f;
            for (int j = 0; j < SPAN; j++) {
                read[j] = 0.0f;
                erased[j] = 0.0f;
            }
            for (int i = 0; i < ROWS; i++) {
                float key = keys[shared + i];
                float query = queries[shared + i];
                querySquares += query * query;
                keySquares += key * key;
                float erase = key;
                if ((form & DeltaForm.OWN_KEY) != 0) {
                    erase = erasers[shared + i];
                    eraseSquares += erase * erase;
                }
                if ((form & DeltaForm.BONUS) != 0) {
                    meeting += query * erase;
                } else {
                    meeting += query * key;
                }
                float decay = factor;
                if ((form & DeltaForm.DECAY) == DeltaForm.CHANNEL_DECAY) {
                    decay = factors[shared + i];
                }
                for (int j = 0; j < SPAN; j++) {
                    float value = held[i * SPAN + j];
                    if ((form & DeltaForm.READ_BEFORE) != 0) {
                        read[j] += value * query;
                    }
                    if ((form & DeltaForm.DECAY) != 0) {
                        value *= decay;
                        held[i * SPAN + j] = value;
                    }
                    if ((form & DeltaForm.READ_BEFORE) == 0) {
                        read[j] += value * query;
                    }
                    if ((form & DeltaForm.ERASE) != 0) {
                        erased[j] += value * erase;
                    }
                }
            }
            for (int j = 0; j < SPAN; j++) {
                reads[strip * COLUMNS + lane + j * LANES] = read[j];
                erasures[strip * COLUMNS + lane + j * LANES] = erased[j];
            }
            if (lane == 0) {
                scalars[strip * SCALARS] = meeting;
                scalars[strip * SCALARS + 1] = querySquares;
                scalars[strip * SCALARS + 2] = keySquares;
                scalars[strip * SCALARS + 3] = eraseSquares;
            }
            context.localBarrier();
            meeting = 0.0f;
            querySquares = UnitRows.EPSILON;
            keySquares = UnitRows.EPSILON;
            eraseSquares = UnitRows.EPSILON;
            for (int i = 0; i < strips; i++) {
                meeting += scalars[i * SCALARS];
                if ((form & DeltaForm.NORMALIZE_QUERY) != 0) {
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
            if ((form & DeltaForm.NORMALIZE_QUERY) != 0) {
                queryFactor = 1.0f / TornadoMath.sqrt(querySquares);
            }
            if ((form & DeltaForm.NORMALIZE_KEYS) != 0) {
                keyFactor = 1.0f / TornadoMath.sqrt(keySquares);
                eraseFactor = keyFactor;
                if ((form & DeltaForm.OWN_KEY) != 0 && (form & DeltaForm.BY_WRITE_KEY) == 0) {
                    eraseFactor = 1.0f / TornadoMath.sqrt(eraseSquares);
                }
                if ((form & DeltaForm.BY_ERASE_KEY) != 0) {
                    keyFactor = eraseFactor;
                }
            }
            float bonus = meeting * eraseFactor * strength;
            keyFactor *= strength;
            for (int j = 0; j < SPAN; j++) {
                int place = column + j * LANES;
                float result = 0.0f;
                float erasure = 0.0f;
                for (int i = 0; i < strips; i++) {
                    result += reads[i * COLUMNS + lane + j * LANES];
                    if ((form & DeltaForm.ERASE) != 0) {
                        erasure += erasures[i * COLUMNS + lane + j * LANES];
                    }
                }
                if ((form & DeltaForm.BONUS) != 0) {
                    result += bonus * target[j];
                }
                float update = (target[j] - erasure * eraseFactor) * keyFactor;
                target[j] = update;
                if ((form & DeltaForm.READ_BEFORE) == 0) {
                    result += meeting * update;
                }
                if (strip == 0 && place < valueDim) {
                    o.set(atTarget + place, result * queryFactor * scale);
                }
            }
            for (int i = 0; i < ROWS; i++) {
                float key = keys[shared + i];
                for (int j = 0; j < SPAN; j++) {
                    held[i * SPAN + j] += key * target[j];
                }
            }
        }
        if (first < end || clear != 0) {
            for (int i = 0; i < ROWS; i++) {
                for (int j = 0; j < SPAN; j++) {
                    int to = StateTile.place(home, i, j * LANES, rowsBelow, columnsBeside, keyDim, valueDim);
                    if ((keyDim % ROWS == 0 || i <= rowsBelow)
                            && (valueDim % COLUMNS == 0 || j * LANES <= columnsBeside)) {
                        state.set(to, held[i * SPAN + j]);
                    }
                }
            }
        }
    }
}
