package dev.gust.kernels.matmul;

import uk.ac.manchester.tornado.api.KernelContext;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;

/**
 * y = x · Wᵀ for a packed weight W of any format and many rows of x: groups restore a tile of W into local memory once and
 * use it for all rows of x that they work on.
 *
 * <p>A group of 16 × 16 work-items makes a tile of y: 64 rows of W, and 16 or 64 of x. Each work-item has 4 × 1 or 4 × 4
 * sums in registers, of rows 16 apart, so that neighbours read neighbouring words of local memory; a tile's rows are padded
 * to an odd length, so that neighbours write to different banks.
 */
public final class TiledMatmul {
    /** Work-items of a group along x and along y. */
    public static final int SIDE = 16;

    /** Rows of W in a tile. */
    public static final int ROWS = 64;

    /** Columns of W and x in a tile. */
    public static final int DEPTH = 32;

    private static final int PADDED = ROWS + 1;

    private TiledMatmul() {}

    /**
     * The kernel, for ceil(N / 64) groups along x and ceil(capacity / (16 · vectors)) along y. Arguments as in
     * {@link PortableMatmul}, and
     *
     * @param capacity rows for which x and y have room
     * @param vectors rows of x to a work-item: 1 or 4
     */
    public static void matmulTiles(
            KernelContext context,
            IntArray words,
            FloatArray floats,
            IntArray scaleWords,
            FloatArray scales,
            FloatArray tables,
            IntArray shape,
            FloatArray x,
            FloatArray y,
            int code,
            int scale,
            int capacity,
            int vectors) {
        float[] weightTile = context.allocateFloatLocalArray(DEPTH * PADDED);
        float[] inputTile = context.allocateFloatLocalArray(DEPTH * PADDED);
        int column = context.localIdx;
        int line = context.localIdy;
        int item = line * SIDE + column;
        int firstRow = context.groupIdx * ROWS;
        int firstVector = context.groupIdy * SIDE * vectors;
        int n = shape.get(MatmulShape.N);
        int k = shape.get(MatmulShape.K);
        int m = shape.get(MatmulShape.M);
        int scaleRows = shape.get(MatmulShape.SCALE_ROWS);
        int scaleColumns = shape.get(MatmulShape.SCALE_COLUMNS);
        int scaleStride = shape.get(MatmulShape.SCALE_GRID_COLUMNS);
        int depth = item & (DEPTH - 1);
        int from = item / DEPTH;
        int stop = firstVector < m ? k : 0;
        float sum00 = 0.0f;
        float sum10 = 0.0f;
        float sum20 = 0.0f;
        float sum30 = 0.0f;
        float sum01 = 0.0f;
        float sum11 = 0.0f;
        float sum21 = 0.0f;
        float sum31 = 0.0f;
        float sum02 = 0.0f;
        float sum12 = 0.0f;
        float sum22 = 0.0f;
        float sum32 = 0.0f;
        float sum03 = 0.0f;
        float sum13 = 0.0f;
        float sum23 = 0.0f;
        float sum33 = 0.0f;
        for (int start = 0; start < stop; start += DEPTH) {
            int at = start + depth;
            for (int r = from; r < ROWS; r += SIDE * SIDE / DEPTH) {
                int row = firstRow + r;
                float value = 0.0f;
                if (row < n && at < k) {
                    if (code < WeightCode.FIRST_BLOCK) {
                        value = WeightValues.stored(words, floats, tables, row * k + at, code);
                    } else if (code < WeightCode.FIRST_SUPER_BLOCK) {
                        value = BlockValues.inBlock(words, tables, row * k + at, code);
                    } else {
                        value = BlockValues.inSuperBlock(words, tables, row * k + at, code);
                    }
                    int group = (row / scaleRows) * scaleStride + at / scaleColumns;
                    value *= WeightValues.scale(scaleWords, scales, tables, group, scale);
                }
                weightTile[depth * PADDED + r] = value;
            }
            for (int r = from; r < SIDE * vectors; r += SIDE * SIDE / DEPTH) {
                float value = 0.0f;
                if (firstVector + r < m && at < k) {
                    value = x.get((firstVector + r) * k + at);
                }
                inputTile[depth * PADDED + r] = value;
            }
            context.localBarrier();
            int deep = Math.min(DEPTH, k - start);
            for (int d = 0; d < deep; d++) {
                int w = d * PADDED + column;
                int v = d * PADDED + line;
                float w0 = weightTile[w];
                float w1 = weightTile[w + SIDE];
                float w2 = weightTile[w + 2 * SIDE];
                float w3 = weightTile[w + 3 * SIDE];
                float v0 = inputTile[v];
                sum00 += w0 * v0;
                sum10 += w1 * v0;
                sum20 += w2 * v0;
                sum30 += w3 * v0;
                if (vectors == 4) {
                    float v1 = inputTile[v + SIDE];
                    sum01 += w0 * v1;
                    sum11 += w1 * v1;
                    sum21 += w2 * v1;
                    sum31 += w3 * v1;
                    float v2 = inputTile[v + 2 * SIDE];
                    sum02 += w0 * v2;
                    sum12 += w1 * v2;
                    sum22 += w2 * v2;
                    sum32 += w3 * v2;
                    float v3 = inputTile[v + 3 * SIDE];
                    sum03 += w0 * v3;
                    sum13 += w1 * v3;
                    sum23 += w2 * v3;
                    sum33 += w3 * v3;
                }
            }
            context.localBarrier();
        }
        float factor = tables.get(Tables.FACTOR);
        int row = firstRow + column;
        int vector = firstVector + line;
        store(y, vector, capacity, row, n, sum00 * factor);
        store(y, vector, capacity, row + SIDE, n, sum10 * factor);
        store(y, vector, capacity, row + 2 * SIDE, n, sum20 * factor);
        store(y, vector, capacity, row + 3 * SIDE, n, sum30 * factor);
        if (vectors == 4) {
            store(y, vector + SIDE, capacity, row, n, sum01 * factor);
            store(y, vector + SIDE, capacity, row + SIDE, n, sum11 * factor);
            store(y, vector + SIDE, capacity, row + 2 * SIDE, n, sum21 * factor);
            store(y, vector + SIDE, capacity, row + 3 * SIDE, n, sum31 * factor);
            store(y, vector + 2 * SIDE, capacity, row, n, sum02 * factor);
            store(y, vector + 2 * SIDE, capacity, row + SIDE, n, sum12 * factor);
            store(y, vector + 2 * SIDE, capacity, row + 2 * SIDE, n, sum22 * factor);
            store(y, vector + 2 * SIDE, capacity, row + 3 * SIDE, n, sum32 * factor);
            store(y, vector + 3 * SIDE, capacity, row, n, sum03 * factor);
            store(y, vector + 3 * SIDE, capacity, row + SIDE, n, sum13 * factor);
            store(y, vector + 3 * SIDE, capacity, row + 2 * SIDE, n, sum23 * factor);
            store(y, vector + 3 * SIDE, capacity, row + 3 * SIDE, n, sum33 * factor);
        }
    }

    /** Stores one sum to a work-item's row and vector, if y has them. */
    private static void store(FloatArray y, int vector, int capacity, int row, int n, float sum) {
        if (vector < capacity && row < n) {
            y.set(vector * n + row, sum);
        }
    }
}
