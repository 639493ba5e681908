package dev.gust.kernels.attention;

import uk.ac.manchester.tornado.api.KernelContext;
import uk.ac.manchester.tornado.api.math.TornadoMath;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;

/**
 * Chunks of any length for steps that erase nothing and whose heads decay as a whole: the second level of tiles of Tiled
 * Flash Linear Attention (arXiv 2503.14376). A group takes 64 queries of a chunk and goes through the chunk's keys and values
 * 64 at a time, so local memory bounds the tiles and not the chunk, and states are stored once for each chunk:
 *
 * <pre>
 * o_i = scale (exp(G_i) Sᵀq_i + Σ_(j≤i) exp(G_i − G_j) (q_i·k_j) v_j)
 * S   = exp(G_C) S + Σ_j exp(G_C − G_j) k_j v_jᵀ
 * </pre>
 *
 * <p>exp(G_i − G_j) of two tiles is a product of three: of the gates behind j in its tile, of the tiles between, and of those
 * up to i in its tile. None of the exponents is positive if no gate is.
 */
public final class GroupLongChunk {
    /** Tokens, channels of the state and columns of the state in a tile. */
    public static final int TILE = DeltaTiles.TOKENS;

    /** Work-items of a group. */
    public static final int LOCAL = DeltaTiles.LOCAL;

    private static final int QUAD = DeltaTiles.QUAD;

    /** Work-items beside one another: rows and columns of a work-item are so far apart. */
    private static final int SIDE = 16;

    private static final int DEPTH = DeltaTiles.DEPTH;

    /** Floats of local memory of {@link #longStates}. */
    public static final int STATE_FLOATS = 2 * DEPTH * TILE + 2 * TILE;

    /** Floats of local memory of {@link #longOutputs}. */
    public static final int OUTPUT_FLOATS = 2 * TILE * (DEPTH + 1) + DEPTH * TILE + TILE * (TILE + 1) + 3 * TILE + 1;

    private GroupLongChunk() {}

    /**
     * The states ahead of every chunk, and behind the last; for N · HV · ceil(K / 64) · ceil(V / 64) groups.
     *
     * @param sequences as {@link PortableDeltaChunk}'s
     * @param k [tokens, KEY_HEADS, K]
     * @param v [tokens, HV, V]
     * @param g as {@code form} says
     * @param state [N, HV, K, V], read and written
     * @param states receives [chunks, HV, K, V]
     * @param form bits of {@link DeltaForm}: how the state decays
     */
    public static void longStates(
            KernelContext context,
            IntArray shape,
            IntArray sequences,
            FloatArray k,
            FloatArray v,
            FloatArray g,
            FloatArray state,
            FloatArray states,
            int form,
            int keyDim,
            int valueDim) {
        float[] keys = context.allocateFloatLocalArray(DEPTH * TILE);
        float[] values = context.allocateFloatLocalArray(DEPTH * TILE);
        float[] gates = context.allocateFloatLocalArray(TILE);
        float[] after = context.allocateFloatLocalArray(TILE);
        float[] sums = new float[QUAD * QUAD];
        for (int i = 0; i < QUAD * QUAD; i++) {
            sums[i] = 0.0f;
        }
        int item = context.localIdx;
        int heads = shape.get(DeltaShape.VALUE_HEADS);
        int keyHeads = shape.get(DeltaShape.KEY_HEADS);
        int capacity = shape.get(DeltaShape.CAPACITY);
        int length = shape.get(DeltaShape.CHUNK);
        int depth = DeltaTiles.depth(shape);
        int columnBlocks = (valueDim + TILE - 1) / TILE;
        int rowBlocks = (keyDim + TILE - 1) / TILE;
        int columnBlock = context.groupIdx % columnBlocks * TILE;
        int rest = context.groupIdx / columnBlocks;
        int rowBlock = rest % rowBlocks * TILE;
        int line = rest / rowBlocks;
        int head = line % heads;
        int sequence = line / heads;
        int begin = sequences.get(sequence);
        int stop = sequences.get(sequence + 1);
        int clear = sequences.get(capacity + 1 + sequence);
        int chunk = sequences.get(2 * capacity + 1 + sequence);
        int keyHead = DeltaIndex.head(shape, head, keyHeads);
        int row = rowBlock + item / SIDE;
        int column = columnBlock + item % SIDE;
        if (clear == 0) {
            for (int i = 0; i < QUAD; i++) {
                for (int j = 0; j < QUAD; j++) {
                    sums[i * QUAD + j] = stateOf(state, line, row + i * SIDE, column + j * SIDE, keyDim, valueDim);
                }
            }
        }
        for (int first = begin; first < stop; first += length) {
            int end = TornadoMath.min(first + length, stop);
            for (int i = 0; i < QUAD; i++) {
                for (int j = 0; j < QUAD; j++) {
                    store(
                            states,
                            chunk * heads + head,
                            row + i * SIDE,
                            column + j * SIDE,
                            keyDim,
                            valueDim,
                            sums[i * QUAD + j]);
                }
            }
            for (int tile = first; tile < end; tile += TILE) {
                context.localBarrier();
                if (item < TILE) {
                    gates[item] = gate(g, form, tile + item, end, head, heads, keyDim);
                }
                context.localBarrier();
                if (item < TILE) {
                    float sum = 0.0f;
                    for (int t = item + 1; t < TILE; t++) {
                        sum += gates[t];
                    }
                    after[item] = TornadoMath.exp(sum);
                }
                context.localBarrier();
                float total = after[0] * TornadoMath.exp(gates[0]);
                for (int i = 0; i < QUAD * QUAD; i++) {
                    sums[i] *= total;
                }
                int tileEnd = TornadoMath.min(tile + TILE, end);
                for (int from = tile; from < tileEnd; from += DEPTH) {
                    context.localBarrier();
                    for (int i = 0; i < QUAD; i++) {
                        int place = item + i * LOCAL;
                        int token = from + place / TILE;
                        int lane = place % TILE;
                        keys[place] = element(k, token, tileEnd, keyHead, keyHeads, rowBlock + lane, keyDim)
                                * after[TornadoMath.min(token - tile, TILE - 1)];
                        values[place] = element(v, token, tileEnd, head, heads, columnBlock + lane, valueDim);
                    }
                    context.localBarrier();
                    for (int c = 0; c < depth; c++) {
                        for (int i = 0; i < QUAD; i++) {
                            float key = keys[c * TILE + item / SIDE + i * SIDE];
                            for (int j = 0; j < QUAD; j++) {
                                sums[i * QUAD + j] += key * values[c * TILE + item % SIDE + j * SIDE];
                            }
                        }
                    }
                }
            }
            chunk++;
        }
        for (int i = 0; i < QUAD; i++) {
            for (int j = 0; j < QUAD; j++) {
                store(state, line, row + i * SIDE, column + j * SIDE, keyDim, valueDim, sums[i * QUAD + j]);
            }
        }
    }

    /**
     * The outputs; for chunks · HV · ceil(C / 64) · ceil(V / 64) groups.
     *
     * @param chunks see {@link ChunkTable}
     * @param q [tokens, QUERY_HEADS, K]
     * @param states of {@link #longStates}
     * @param o receives [tokens, HV, V]
     * @param scale multiplies what is read
     */
    public static void longOutputs(
            KernelContext context,
            IntArray shape,
            IntArray chunks,
            FloatArray q,
            FloatArray k,
            FloatArray v,
            FloatArray g,
            FloatArray states,
            FloatArray o,
            int form,
            float scale,
            int keyDim,
            int valueDim) {
        float[] queries = context.allocateFloatLocalArray(TILE * (DEPTH + 1));
        float[] keys = context.allocateFloatLocalArray(TILE * (DEPTH + 1));
        float[] values = context.allocateFloatLocalArray(DEPTH * TILE);
        float[] pairs = context.allocateFloatLocalArray(TILE * (TILE + 1));
        float[] gates = context.allocateFloatLocalArray(TILE);
        float[] before = context.allocateFloatLocalArray(TILE);
        float[] after = context.allocateFloatLocalArray(TILE);
        float[] whole = context.allocateFloatLocalArray(1);
        float[] sums = new float[QUAD * QUAD];
        for (int i = 0; i < QUAD * QUAD; i++) {
            sums[i] = 0.0f;
        }
        float[] p = new float[QUAD * QUAD];
        for (int i = 0; i < QUAD * QUAD; i++) {
            p[i] = 0.0f;
        }
        int item = context.localIdx;
        int heads = shape.get(DeltaShape.VALUE_HEADS);
        int queryHeads = shape.get(DeltaShape.QUERY_HEADS);
        int keyHeads = shape.get(DeltaShape.KEY_HEADS);
        int tiles = (shape.get(DeltaShape.CHUNK) + TILE - 1) / TILE;
        int width = shape.get(DeltaShape.KEY_DIM);
        int depth = DeltaTiles.depth(shape);
        int columnBlocks = (valueDim + TILE - 1) / TILE;
        int columnBlock = context.groupIdx % columnBlocks * TILE;
        int rest = context.groupIdx / columnBlocks;
        int tile = rest % tiles;
        int line = rest / tiles;
        int head = line % heads;
        int chunk = line / heads;
        int first = chunks.get(chunk * ChunkTable.LENGTH + ChunkTable.FIRST);
        int end = chunks.get(chunk * ChunkTable.LENGTH + ChunkTable.END);
        int begin = first + tile * TILE;
        int queryHead = DeltaIndex.head(shape, head, queryHeads);
        int keyHead = DeltaIndex.head(shape, head, keyHeads);
        int row = item / SIDE;
        int column = item % SIDE;
        // A group behind the chunk's end has nothing to go through.
        int last = begin < end ? tile : -1;
        float between = 0.0f;
        for (int other = last; other >= 0; other--) {
            int from = first + other * TILE;
            int until = TornadoMath.min(from + TILE, end);
            context.localBarrier();
            if (item < TILE) {
                gates[item] = gate(g, form, from + item, until, head, heads, keyDim);
            }
            for (int i = 0; i < QUAD * QUAD; i++) {
                p[i] = 0.0f;
            }
            context.localBarrier();
            if (item < TILE) {
                float sum = 0.0f;
                for (int t = item + 1; t < TILE; t++) {
                    sum += gates[t];
                }
                after[item] = TornadoMath.exp(sum);
                if (item == 0) {
                    whole[0] = sum + gates[0];
                }
                if (other == tile) {
                    float upTo = 0.0f;
                    for (int t = 0; t <= item; t++) {
                        upTo += gates[t];
                    }
                    before[item] = TornadoMath.exp(upTo);
                }
            }
            for (int slice = 0; slice < width; slice += DEPTH) {
                context.localBarrier();
                for (int i = 0; i < QUAD; i++) {
                    int place = item + i * LOCAL;
                    int token = place / DEPTH;
                    int channel = slice + place % DEPTH;
                    int to = token * (DEPTH + 1) + place % DEPTH;
                    queries[to] = element(q, begin + token, end, queryHead, queryHeads, channel, keyDim);
                    keys[to] = element(k, from + token, until, keyHead, keyHeads, channel, keyDim);
                }
                context.localBarrier();
                for (int c = 0; c < depth; c++) {
                    for (int i = 0; i < QUAD; i++) {
                        float query = queries[(row + i * SIDE) * (DEPTH + 1) + c];
                        for (int j = 0; j < QUAD; j++) {
                            p[i * QUAD + j] += query * keys[(column + j * SIDE) * (DEPTH + 1) + c];
                        }
                    }
                }
            }
            float gap = TornadoMath.exp(between);
            for (int j = 0; j < QUAD; j++) {
                int key = column + j * SIDE;
                float sum = 0.0f;
                int at = key + 1;
                for (int i = 0; i < QUAD; i++) {
                    int query = row + i * SIDE;
                    float decay = before[query] * gap * after[key];
                    if (other == tile) {
                        // Within a tile the gates between are added up: a quotient of exponentials could be 0 / 0.
                        for (int t = at; t <= query; t++) {
                            sum += gates[t];
                        }
                        at = TornadoMath.max(at, query + 1);
                        decay = query < key ? 0.0f : TornadoMath.exp(sum);
                    }
                    pairs[query * (TILE + 1) + key] = p[i * QUAD + j] * decay;
                }
            }
            for (int token = from; token < until; token += DEPTH) {
                context.localBarrier();
                for (int i = 0; i < QUAD; i++) {
                    int place = item + i * LOCAL;
                    int lane = columnBlock + place % TILE;
                    values[place] = element(v, token + place / TILE, until, head, heads, lane, valueDim);
                }
                context.localBarrier();
                for (int c = 0; c < depth; c++) {
                    for (int i = 0; i < QUAD; i++) {
                        float pair = pairs[(row + i * SIDE) * (TILE + 1) + token - from + c];
                        for (int j = 0; j < QUAD; j++) {
                            sums[i * QUAD + j] += pair * values[c * TILE + column + j * SIDE];
                        }
                    }
                }
            }
            if (other < tile) {
                between += whole[0];
            }
        }
        for (int i = 0; i < QUAD * QUAD; i++) {
            p[i] = 0.0f;
        }
        int channels = last < 0 ? 0 : width;
        for (int slice = 0; slice < channels; slice += DEPTH) {
            context.localBarrier();
            for (int i = 0; i < QUAD; i++) {
                int place = item + i * LOCAL;
                int token = place / DEPTH;
                queries[token * (DEPTH + 1) + place % DEPTH] =
                        element(q, begin + token, end, queryHead, queryHeads, slice + place % DEPTH, keyDim);
                values[place] =
                        stateOf(states, line, slice + place / TILE, columnBlock + place % TILE, keyDim, valueDim);
            }
            context.localBarrier();
            for (int c = 0; c < depth; c++) {
                for (int i = 0; i < QUAD; i++) {
                    float query = queries[(row + i * SIDE) * (DEPTH + 1) + c];
                    for (int j = 0; j < QUAD; j++) {
                        p[i * QUAD + j] += query * values[c * TILE + column + j * SIDE];
                    }
                }
            }
        }
        float gap = TornadoMath.exp(between);
        for (int i = 0; i < QUAD; i++) {
            int token = begin + row + i * SIDE;
            for (int j = 0; j < QUAD; j++) {
                int place = columnBlock + column + j * SIDE;
                if (token < end && place < valueDim) {
                    float read = p[i * QUAD + j] * gap * before[row + i * SIDE];
                    o.set((token * heads + head) * valueDim + place, scale * (read + sums[i * QUAD + j]));
                }
            }
        }
    }

    /** A token's log decay, or 0 for tokens from {@code end} on. */
    static float gate(FloatArray g, int form, int token, int end, int head, int heads, int keyDim) {
        float value = 0.0f;
        if ((form & DeltaForm.DECAY) != 0 && token < end) {
            value = DeltaIndex.decay(g, form, token, head, heads, 0, keyDim);
        }
        return value;
    }

    /** An element of a token's row, or 0 past either end. */
    static float element(FloatArray x, int token, int end, int head, int heads, int channel, int channels) {
        float value = 0.0f;
        if (token < end && channel < channels) {
            value = x.get((token * heads + head) * channels + channel);
        }
        return value;
    }

    /** An element of a state, or 0 past either end. */
    static float stateOf(FloatArray states, int line, int row, int column, int keyDim, int valueDim) {
        float value = 0.0f;
        if (row < keyDim && column < valueDim) {
            value = states.get((line * keyDim + row) * valueDim + column);
        }
        return value;
    }

    static void store(FloatArray states, int line, int row, int column, int keyDim, int valueDim, float value) {
        if (row < keyDim && column < valueDim) {
            states.set((line * keyDim + row) * valueDim + column, value);
        }
    }
}
