package dev.gust.kernels.attention;

import uk.ac.manchester.tornado.api.KernelContext;
import uk.ac.manchester.tornado.api.math.TornadoMath;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;

/**
 * {@link GroupDeltaScan} for heads with more rows than local memory holds of the state: it stays in global memory. A work-item
 * brings the same elements of the state into local memory that it moves on behind the chunk, so none reads what another wrote.
 */
public final class GroupDeltaWideScan {
    /** Columns of the state in a group, and rows that it moves on at a time. */
    public static final int COLUMNS = DeltaTiles.TOKENS;

    /** Work-items of a group. */
    public static final int LOCAL = DeltaTiles.LOCAL;

    private static final int TILE = DeltaTiles.TOKENS;

    private static final int QUAD = DeltaTiles.QUAD;

    /** Work-items beside one another: rows and columns of a work-item are so far apart. */
    private static final int SIDE = 16;

    private static final int DEPTH = DeltaTiles.DEPTH;

    private static final int PITCH = DEPTH + 1;

    /** A work-item owns every so many rows of the state, in one column. */
    private static final int LINES = LOCAL / COLUMNS;

    /** Rows of a tile that a work-item owns. */
    private static final int OWNED = TILE / LINES;

    /** Floats of local memory. */
    public static final int LOCAL_FLOATS = 2 * TILE * PITCH + DEPTH * COLUMNS + TILE * COLUMNS;

    private GroupDeltaWideScan() {}

    /** The kernel, for N · HV · ceil(V / 64) groups of {@link #LOCAL}. Arguments as in {@link GroupDeltaScan#deltaScan}. */
    public static void deltaWideScan(
            KernelContext context,
            IntArray shape,
            IntArray sequences,
            FloatArray pairs,
            FloatArray queries,
            FloatArray keys,
            FloatArray erasers,
            FloatArray targets,
            FloatArray totals,
            FloatArray state,
            FloatArray o,
            int form,
            float scale,
            int keyDim,
            int valueDim) {
        float[] rows = context.allocateFloatLocalArray(TILE * PITCH);
        float[] erasing = context.allocateFloatLocalArray(TILE * PITCH);
        float[] held = context.allocateFloatLocalArray(DEPTH * COLUMNS);
        float[] written = context.allocateFloatLocalArray(TILE * COLUMNS);
        float[] reads = new float[QUAD * QUAD];
        for (int i = 0; i < QUAD * QUAD; i++) {
            reads[i] = 0.0f;
        }
        float[] erased = new float[QUAD * QUAD];
        for (int i = 0; i < QUAD * QUAD; i++) {
            erased[i] = 0.0f;
        }
        float[] sums = new float[OWNED];
        for (int i = 0; i < OWNED; i++) {
            sums[i] = 0.0f;
        }
        int item = context.localIdx;
        int heads = shape.get(DeltaShape.VALUE_HEADS);
        int length = shape.get(DeltaShape.CHUNK);
        int width = shape.get(DeltaShape.KEY_DIM);
        int capacity = shape.get(DeltaShape.CAPACITY);
        int depth = DeltaTiles.depth(shape);
        int columnBlocks = (valueDim + COLUMNS - 1) / COLUMNS;
        int columnBlock = context.groupIdx % columnBlocks * COLUMNS;
        int line = context.groupIdx / columnBlocks;
        int head = line % heads;
        int sequence = line / heads;
        int stop = sequences.get(sequence + 1);
        int chunk = sequences.get(2 * capacity + 1 + sequence);
        int row = item / SIDE;
        int column = item % SIDE;
        int ownRow = item / COLUMNS;
        int ownColumn = columnBlock + item % COLUMNS;
        if (sequences.get(capacity + 1 + sequence) != 0) {
            for (int d = ownRow; d < width; d += LINES) {
                GroupLongChunk.store(state, line, d, ownColumn, keyDim, valueDim, 0.0f);
            }
        }
        for (int first = sequences.get(sequence); first < stop; first += length) {
            int end = TornadoMath.min(first + length, stop);
            for (int i = 0; i < QUAD * QUAD; i++) {
                reads[i] = 0.0f;
                erased[i] = 0.0f;
            }
            for (int slice = 0; slice < width; slice += DEPTH) {
                context.localBarrier();
                for (int i = 0; i < QUAD; i++) {
                    int place = item + i * LOCAL;
                    int to = place / DEPTH * PITCH + place % DEPTH;
                    int token = first + place / DEPTH;
                    int channel = slice + place % DEPTH;
                    rows[to] = GroupLongChunk.element(queries, token, end, head, heads, channel, keyDim);
                    if ((form & DeltaForm.ERASE) != 0) {
                        erasing[to] = GroupLongChunk.element(erasers, token, end, head, heads, channel, keyDim);
                    }
                    held[place] = GroupLongChunk.stateOf(
                            state, line, slice + ownRow + i * LINES, ownColumn, keyDim, valueDim);
                }
                context.localBarrier();
                for (int c = 0; c < depth; c++) {
                    for (int i = 0; i < QUAD; i++) {
                        float query = rows[(row + i * SIDE) * PITCH + c];
                        float erase = 0.0f;
                        if ((form & DeltaForm.ERASE) != 0) {
                            erase = erasing[(row + i * SIDE) * PITCH + c];
                        }
                        for (int j = 0; j < QUAD; j++) {
                            float value = held[c * COLUMNS + column + j * SIDE];
                            reads[i * QUAD + j] += query * value;
                            if ((form & DeltaForm.ERASE) != 0) {
                                erased[i * QUAD + j] += erase * value;
                            }
                        }
                    }
                }
            }
            for (int i = 0; i < QUAD; i++) {
                for (int j = 0; j < QUAD; j++) {
                    int place = (row + i * SIDE) * COLUMNS + column + j * SIDE;
                    int token = first + row + i * SIDE;
                    int to = columnBlock + column + j * SIDE;
                    written[place] = GroupLongChunk.element(targets, token, end, head, heads, to, valueDim)
                            - erased[i * QUAD + j];
                }
            }
            int toP = ((chunk * heads + head) * 2 + 1) * length * length;
            for (int token = first; token < end; token += DEPTH) {
                context.localBarrier();
                for (int i = 0; i < QUAD; i++) {
                    int place = item + i * LOCAL;
                    int earlier = token - first + place % DEPTH;
                    rows[place / DEPTH * PITCH + place % DEPTH] =
                            GroupDeltaScan.pair(pairs, toP, place / DEPTH, earlier, length);
                }
                context.localBarrier();
                for (int c = 0; c < depth; c++) {
                    for (int i = 0; i < QUAD; i++) {
                        float pair = rows[(row + i * SIDE) * PITCH + c];
                        for (int j = 0; j < QUAD; j++) {
                            reads[i * QUAD + j] += pair * written[(token - first + c) * COLUMNS + column + j * SIDE];
                        }
                    }
                }
            }
            for (int i = 0; i < QUAD; i++) {
                int token = first + row + i * SIDE;
                for (int j = 0; j < QUAD; j++) {
                    int to = columnBlock + column + j * SIDE;
                    if (token < end && to < valueDim) {
                        o.set((token * heads + head) * valueDim + to, reads[i * QUAD + j] * scale);
                    }
                }
            }
            for (int block = 0; block < width; block += TILE) {
                for (int i = 0; i < OWNED; i++) {
                    sums[i] = 0.0f;
                }
                for (int token = first; token < end; token += DEPTH) {
                    context.localBarrier();
                    for (int i = 0; i < QUAD; i++) {
                        int place = item + i * LOCAL;
                        rows[place] = GroupLongChunk.element(
                                keys, token + place / TILE, end, head, heads, block + place % TILE, keyDim);
                    }
                    context.localBarrier();
                    for (int c = 0; c < depth; c++) {
                        float value = written[(token - first + c) * COLUMNS + item % COLUMNS];
                        for (int i = 0; i < OWNED; i++) {
                            sums[i] += rows[c * TILE + ownRow + i * LINES] * value;
                        }
                    }
                }
                for (int i = 0; i < OWNED; i++) {
                    int d = block + ownRow + i * LINES;
                    float total = totals.get((chunk * heads + head) * keyDim + TornadoMath.min(d, keyDim - 1));
                    float value = GroupLongChunk.stateOf(state, line, d, ownColumn, keyDim, valueDim) * total;
                    GroupLongChunk.store(state, line, d, ownColumn, keyDim, valueDim, value + sums[i]);
                }
            }
            chunk++;
        }
    }
}
