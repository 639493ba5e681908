package dev.gust.kernels.attention;

import uk.ac.manchester.tornado.api.KernelContext;
import uk.ac.manchester.tornado.api.math.TornadoMath;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;

/**
 * {@link PortableLogLinear} in chunks of at most 64 tokens for GPUs: the blocks of the tree that chunks leave,
 * outputs, and, by {@link GroupLogLinearStates}, the states behind the last chunk.
 *
 * <p>Chunks begin at multiples of 64 ({@link FenwickTable}), so each leaves one block, and all that a call needs of the tree
 * is one state for each chunk, whatever the number of levels. Heads decay as a whole: what a block has decayed by since is one
 * number for each chunk and level, and blocks are written once. Outputs then take all chunks at once, where the state of each
 * level that a chunk sees is multiplied by its queries, weighted by their λ:
 *
 * <pre>
 * o_i = scale (Σ_levels λ_(i, level) exp(G_i) fade_level (q_iᵀS_level) + Σ_(j≤i) λ_(i, level(i, j)) exp(G_i − G_j) (q_i·k_j) v_j)
 * </pre>
 */
public final class GroupLogLinearChunk {
    /** Most tokens of a chunk; channels and columns of a tile of the states. */
    public static final int TILE = DeltaTiles.TOKENS;

    /** Work-items of a group. */
    public static final int LOCAL = DeltaTiles.LOCAL;

    private static final int QUAD = DeltaTiles.QUAD;

    /** Work-items beside one another: rows and columns of a work-item are so far apart. */
    private static final int SIDE = 16;

    private static final int DEPTH = DeltaTiles.DEPTH;

    /** Floats of local memory of {@link #logLinearBlocks} and {@link GroupLogLinearStates#logLinearStates}. */
    public static final int STATE_FLOATS = 2 * DEPTH * TILE + 2 * TILE + GroupLogLinear.MOST_LEVELS;

    /** Floats of local memory of {@link #logLinearOutputs}. */
    public static final int OUTPUT_FLOATS = 2 * TILE * (DEPTH + 1) + DEPTH * TILE + TILE * (TILE + 1) + 2 * TILE;

    private GroupLogLinearChunk() {}

    /**
     * The blocks that chunks leave, for N · HV · ceil(K / 64) · ceil(V / 64) groups.
     *
     * @param shape see {@link DeltaShape}
     * @param sequences see {@link FenwickTable}
     * @param chunks likewise
     * @param k [tokens, KEY_HEADS, K]
     * @param v [tokens, HV, V]
     * @param g log decays [tokens, HV]
     * @param state [N, HV, L, K, V], read
     * @param blocks receives [chunks, HV, K, V], of chunks that have a target
     * @param fades receives [chunks, HV, L]: what each level has decayed by when the chunk begins
     */
    public static void logLinearBlocks(
            KernelContext context,
            IntArray shape,
            IntArray sequences,
            IntArray chunks,
            FloatArray k,
            FloatArray v,
            FloatArray g,
            FloatArray state,
            FloatArray blocks,
            FloatArray fades,
            int keyDim,
            int valueDim) {
        float[] keys = context.allocateFloatLocalArray(DEPTH * TILE);
        float[] values = context.allocateFloatLocalArray(DEPTH * TILE);
        float[] gates = context.allocateFloatLocalArray(TILE);
        float[] after = context.allocateFloatLocalArray(TILE);
        float[] faded = context.allocateFloatLocalArray(GroupLogLinear.MOST_LEVELS);
        float[] sums = new float[QUAD * QUAD];
        for (int i = 0; i < QUAD * QUAD; i++) {
            sums[i] = 0.0f;
        }
        int item = context.localIdx;
        int heads = shape.get(DeltaShape.VALUE_HEADS);
        int keyHeads = shape.get(DeltaShape.KEY_HEADS);
        int levels = shape.get(DeltaShape.LEVELS);
        int depth = DeltaTiles.depth(shape);
        int columnBlocks = (valueDim + TILE - 1) / TILE;
        int rowBlocks = (keyDim + TILE - 1) / TILE;
        int columnBlock = context.groupIdx % columnBlocks * TILE;
        int rest = context.groupIdx / columnBlocks;
        int rowBlock = rest % rowBlocks * TILE;
        int line = rest / rowBlocks;
        int head = line % heads;
        int sequence = line / heads;
        int keyHead = DeltaIndex.head(shape, head, keyHeads);
        int row = rowBlock + item / SIDE;
        int column = columnBlock + item % SIDE;
        int chunk = sequences.get(sequence * FenwickTable.SEQUENCE_LENGTH + FenwickTable.FIRST_CHUNK);
        int last = chunk + sequences.get(sequence * FenwickTable.SEQUENCE_LENGTH + FenwickTable.CHUNKS);
        if (item < levels) {
            faded[item] = 1.0f;
        }
        for (int n = chunk; n < last; n++) {
            int at = n * (FenwickTable.LEVELS + levels);
            int first = chunks.get(at + FenwickTable.FIRST);
            int end = chunks.get(at + FenwickTable.END);
            int target = chunks.get(at + FenwickTable.TARGET);
            context.localBarrier();
            if (item < TILE) {
                gates[item] = GroupLongChunk.gate(g, DeltaForm.TOKEN_DECAY, first + item, end, head, heads, keyDim);
            }
            if (rowBlock + columnBlock == 0 && item < levels) {
                fades.set((n * heads + head) * levels + item, faded[item]);
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
                sums[i] = 0.0f;
            }
            for (int level = 1; level < target; level++) {
                int from = chunks.get(at + FenwickTable.LEVELS + level);
                float fade = faded[level] * total;
                for (int i = 0; i < QUAD; i++) {
                    for (int j = 0; j < QUAD; j++) {
                        float held = block(
                                state,
                                blocks,
                                from,
                                line * levels + level,
                                heads,
                                head,
                                row + i * SIDE,
                                column + j * SIDE,
                                keyDim,
                                valueDim);
                        sums[i * QUAD + j] += held * fade;
                    }
                }
            }
            int until = target != 0 ? end : first;
            for (int from = first; from < until; from += DEPTH) {
                context.localBarrier();
                for (int i = 0; i < QUAD; i++) {
                    int place = item + i * LOCAL;
                    int token = from + place / TILE;
                    int lane = place % TILE;
                    keys[place] = GroupLongChunk.element(k, token, end, keyHead, keyHeads, rowBlock + lane, keyDim)
                            * after[TornadoMath.min(token - first, TILE - 1)];
                    values[place] = GroupLongChunk.element(v, token, end, head, heads, columnBlock + lane, valueDim);
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
            int rows = target != 0 ? keyDim : 0;
            for (int i = 0; i < QUAD; i++) {
                for (int j = 0; j < QUAD; j++) {
                    int place = row + i * SIDE;
                    GroupLongChunk.store(
                            blocks,
                            n * heads + head,
                            place < rows ? place : keyDim,
                            column + j * SIDE,
                            keyDim,
                            valueDim,
                            sums[i * QUAD + j]);
                }
            }
            context.localBarrier();
            if (item < levels) {
                faded[item] = item == target ? 1.0f : faded[item] * total;
            }
        }
    }

    /**
     * The outputs, for chunks · HV · ceil(V / 64) groups.
     *
     * @param q [tokens, QUERY_HEADS, K]
     * @param levelScales λ [tokens, HV, L]
     * @param fades of {@link #logLinearBlocks}
     * @param state [N, HV, L, K, V], as it was when the call began
     * @param blocks of {@link #logLinearBlocks}
     * @param o receives [tokens, HV, V]
     * @param scale multiplies what is read
     */
    public static void logLinearOutputs(
            KernelContext context,
            IntArray shape,
            IntArray chunks,
            FloatArray q,
            FloatArray k,
            FloatArray v,
            FloatArray g,
            FloatArray levelScales,
            FloatArray fades,
            FloatArray state,
            FloatArray blocks,
            FloatArray o,
            float scale,
            int keyDim,
            int valueDim) {
        float[] queries = context.allocateFloatLocalArray(TILE * (DEPTH + 1));
        float[] keys = context.allocateFloatLocalArray(TILE * (DEPTH + 1));
        float[] values = context.allocateFloatLocalArray(DEPTH * TILE);
        float[] pairs = context.allocateFloatLocalArray(TILE * (TILE + 1));
        float[] gates = context.allocateFloatLocalArray(TILE);
        float[] weights = context.allocateFloatLocalArray(TILE);
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
        int levels = shape.get(DeltaShape.LEVELS);
        int width = shape.get(DeltaShape.KEY_DIM);
        int depth = DeltaTiles.depth(shape);
        int columnBlocks = (valueDim + TILE - 1) / TILE;
        int columnBlock = context.groupIdx % columnBlocks * TILE;
        int line = context.groupIdx / columnBlocks;
        int head = line % heads;
        int at = line / heads * (FenwickTable.LEVELS + levels);
        int first = chunks.get(at + FenwickTable.FIRST);
        int end = chunks.get(at + FenwickTable.END);
        int tokens = chunks.get(at + FenwickTable.TOKENS);
        int carried = (chunks.get(at + FenwickTable.SEQUENCE) * heads + head) * levels;
        int queryHead = DeltaIndex.head(shape, head, queryHeads);
        int keyHead = DeltaIndex.head(shape, head, keyHeads);
        int row = item / SIDE;
        int column = item % SIDE;
        // A group of a chunk that is not there has nothing to go through.
        int channels = first < end ? width : 0;
        if (item < TILE) {
            gates[item] = GroupLongChunk.gate(g, DeltaForm.TOKEN_DECAY, first + item, end, head, heads, keyDim);
        }
        for (int slice = 0; slice < channels; slice += DEPTH) {
            context.localBarrier();
            for (int i = 0; i < QUAD; i++) {
                int place = item + i * LOCAL;
                int token = place / DEPTH;
                int channel = slice + place % DEPTH;
                int to = token * (DEPTH + 1) + place % DEPTH;
                queries[to] = GroupLongChunk.element(q, first + token, end, queryHead, queryHeads, channel, keyDim);
                keys[to] = GroupLongChunk.element(k, first + token, end, keyHead, keyHeads, channel, keyDim);
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
        context.localBarrier();
        for (int j = 0; j < QUAD; j++) {
            int key = column + j * SIDE;
            // Gates between are added up: a quotient of exponentials could be 0 / 0.
            float sum = 0.0f;
            int next = key + 1;
            for (int i = 0; i < QUAD; i++) {
                int query = row + i * SIDE;
                for (int t = next; t <= query; t++) {
                    sum += gates[t];
                }
                next = TornadoMath.max(next, query + 1);
                float weight =
                        weight(levelScales, first + query, end, head, heads, levels, tokens + query, tokens + key);
                float decay = query < key ? 0.0f : TornadoMath.exp(sum) * weight;
                pairs[query * (TILE + 1) + key] = p[i * QUAD + j] * decay;
            }
        }
        for (int token = first; token < end; token += DEPTH) {
            context.localBarrier();
            for (int i = 0; i < QUAD; i++) {
                int place = item + i * LOCAL;
                int lane = columnBlock + place % TILE;
                values[place] = GroupLongChunk.element(v, token + place / TILE, end, head, heads, lane, valueDim);
            }
            context.localBarrier();
            for (int c = 0; c < depth; c++) {
                for (int i = 0; i < QUAD; i++) {
                    float pair = pairs[(row + i * SIDE) * (TILE + 1) + token - first + c];
                    for (int j = 0; j < QUAD; j++) {
                        sums[i * QUAD + j] += pair * values[c * TILE + column + j * SIDE];
                    }
                }
            }
        }
        float upTo = 0.0f;
        int own = TornadoMath.min(item, TILE - 1);
        for (int t = 0; t <= own; t++) {
            upTo += gates[t];
        }
        upTo = TornadoMath.exp(upTo);
        for (int level = 1; level < levels; level++) {
            int from = chunks.get(at + FenwickTable.LEVELS + level);
            int there = from == FenwickTable.GONE ? 0 : channels;
            if (item < TILE) {
                int old = FenwickLevels.first(tokens, level);
                weights[item] = upTo
                        * fades.get(line * levels + level)
                        * weight(levelScales, first + item, end, head, heads, levels, tokens + item, old);
            }
            for (int slice = 0; slice < there; slice += DEPTH) {
                context.localBarrier();
                for (int i = 0; i < QUAD; i++) {
                    int place = item + i * LOCAL;
                    int token = place / DEPTH;
                    int channel = slice + place % DEPTH;
                    queries[token * (DEPTH + 1) + place % DEPTH] =
                            GroupLongChunk.element(q, first + token, end, queryHead, queryHeads, channel, keyDim)
                                    * weights[token];
                    values[place] = block(
                            state,
                            blocks,
                            from,
                            carried + level,
                            heads,
                            head,
                            slice + place / TILE,
                            columnBlock + place % TILE,
                            keyDim,
                            valueDim);
                }
                context.localBarrier();
                for (int c = 0; c < depth; c++) {
                    for (int i = 0; i < QUAD; i++) {
                        float query = queries[(row + i * SIDE) * (DEPTH + 1) + c];
                        for (int j = 0; j < QUAD; j++) {
                            sums[i * QUAD + j] += query * values[c * TILE + column + j * SIDE];
                        }
                    }
                }
            }
        }
        for (int i = 0; i < QUAD; i++) {
            int token = first + row + i * SIDE;
            for (int j = 0; j < QUAD; j++) {
                int place = columnBlock + column + j * SIDE;
                if (token < end && place < valueDim) {
                    o.set((token * heads + head) * valueDim + place, scale * sums[i * QUAD + j]);
                }
            }
        }
    }

    /** λ of a token for the level at which its position sees an earlier one; 0 for tokens from {@code end} on. */
    private static float weight(
            FloatArray levelScales, int token, int end, int head, int heads, int levels, int position, int earlier) {
        float weight = 0.0f;
        if (token < end && earlier <= position) {
            weight = levelScales.get((token * heads + head) * levels + FenwickLevels.level(position, earlier));
        }
        return weight;
    }

    /** An element of a block, or 0 past either end and where there is none. */
    static float block(
            FloatArray state,
            FloatArray blocks,
            int from,
            int carried,
            int heads,
            int head,
            int row,
            int column,
            int keyDim,
            int valueDim) {
        float value = 0.0f;
        if (from == FenwickTable.CARRIED) {
            value = GroupLongChunk.stateOf(state, carried, row, column, keyDim, valueDim);
        }
        if (from >= FenwickTable.LEFT) {
            int line = (from - FenwickTable.LEFT) * heads + head;
            value = GroupLongChunk.stateOf(blocks, line, row, column, keyDim, valueDim);
        }
        return value;
    }
}
