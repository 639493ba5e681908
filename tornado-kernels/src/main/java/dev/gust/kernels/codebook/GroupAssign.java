package dev.gust.kernels.codebook;

import uk.ac.manchester.tornado.api.KernelContext;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;

/**
 * The search of {@link PortableAssign} as a product in tiles. A group of 16 × 16 work-items takes 64 rows through all
 * centroids, 64 at a time; each work-item has 4 × 4 sums in registers, of rows and centroids 16 apart, and keeps the best of
 * the centroids that it has seen for its 4 rows. In the end the 16 work-items of a row compare theirs in local memory. Tiles
 * are padded to an odd length, so that neighbours write to different banks.
 */
public final class GroupAssign {
    /** Work-items of a group along x and along y. */
    public static final int SIDE = 16;

    /** Rows to a group, and centroids to a tile. */
    public static final int ROWS = 64;

    /** Columns in a tile. */
    public static final int DEPTH = 32;

    /** Bytes of local memory: two tiles, and the best of each work-item for its rows. */
    public static final int LOCAL_BYTES = 4 * (2 * DEPTH * (ROWS + 1) + 2 * ROWS * SIDE);

    private static final int PADDED = ROWS + 1;

    private GroupAssign() {}

    /** As {@link PortableAssign#nearestPortable}, for ceil(capacity / 64) groups along x. */
    public static void nearestTiles(
            KernelContext context,
            IntArray shape,
            FloatArray x,
            FloatArray centroids,
            FloatArray halfNorms,
            IntArray ids,
            int capacity) {
        float[] codeTile = context.allocateFloatLocalArray(DEPTH * PADDED);
        float[] rowTile = context.allocateFloatLocalArray(DEPTH * PADDED);
        float[] bestScores = context.allocateFloatLocalArray(ROWS * SIDE);
        int[] bestIds = context.allocateIntLocalArray(ROWS * SIDE);
        int column = context.localIdx;
        int line = context.localIdy;
        int item = line * SIDE + column;
        int depth = item & (DEPTH - 1);
        int from = item / DEPTH;
        int length = shape.get(AssignShape.LENGTH_OF_ROW);
        int rows = shape.get(AssignShape.ROWS);
        int codes = shape.get(AssignShape.CODES);
        int firstRow = context.groupIdx * ROWS;
        int offset = shape.get(AssignShape.FIRST) + firstRow;
        int stop = firstRow < rows ? codes : 0;
        float best0 = AssignShape.FAR;
        int id0 = 0;
        float best1 = AssignShape.FAR;
        int id1 = 0;
        float best2 = AssignShape.FAR;
        int id2 = 0;
        float best3 = AssignShape.FAR;
        int id3 = 0;
        for (int start = 0; start < stop; start += ROWS) {
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
            for (int deep = 0; deep < length; deep += DEPTH) {
                int at = deep + depth;
                for (int r = from; r < ROWS; r += SIDE * SIDE / DEPTH) {
                    float code = 0.0f;
                    if (start + r < codes && at < length) {
                        code = centroids.get((start + r) * length + at);
                    }
                    codeTile[depth * PADDED + r] = code;
                    float value = 0.0f;
                    if (firstRow + r < rows && at < length) {
                        value = x.get((offset + r) * length + at);
                    }
                    rowTile[depth * PADDED + r] = value;
                }
                context.localBarrier();
                int end = Math.min(DEPTH, length - deep);
                for (int d = 0; d < end; d++) {
                    int c = d * PADDED + column;
                    int v = d * PADDED + line;
                    float c0 = codeTile[c];
                    float c1 = codeTile[c + SIDE];
                    float c2 = codeTile[c + 2 * SIDE];
                    float c3 = codeTile[c + 3 * SIDE];
                    float v0 = rowTile[v];
                    sum00 += c0 * v0;
                    sum10 += c1 * v0;
                    sum20 += c2 * v0;
                    sum30 += c3 * v0;
                    float v1 = rowTile[v + SIDE];
                    sum01 += c0 * v1;
                    sum11 += c1 * v1;
                    sum21 += c2 * v1;
                    sum31 += c3 * v1;
                    float v2 = rowTile[v + 2 * SIDE];
                    sum02 += c0 * v2;
                    sum12 += c1 * v2;
                    sum22 += c2 * v2;
                    sum32 += c3 * v2;
                    float v3 = rowTile[v + 3 * SIDE];
                    sum03 += c0 * v3;
                    sum13 += c1 * v3;
                    sum23 += c2 * v3;
                    sum33 += c3 * v3;
                }
                context.localBarrier();
            }
            int code = start + column;
            float norm0 = norm(halfNorms, code, codes);
            float norm1 = norm(halfNorms, code + SIDE, codes);
            float norm2 = norm(halfNorms, code + 2 * SIDE, codes);
            float norm3 = norm(halfNorms, code + 3 * SIDE, codes);
            if (norm0 - sum00 < best0) {
                best0 = norm0 - sum00;
                id0 = code;
            }
            if (norm1 - sum10 < best0) {
                best0 = norm1 - sum10;
                id0 = code + SIDE;
            }
            if (norm2 - sum20 < best0) {
                best0 = norm2 - sum20;
                id0 = code + 2 * SIDE;
            }
            if (norm3 - sum30 < best0) {
                best0 = norm3 - sum30;
                id0 = code + 3 * SIDE;
            }
            if (norm0 - sum01 < best1) {
                best1 = norm0 - sum01;
                id1 = code;
            }
            if (norm1 - sum11 < best1) {
                best1 = norm1 - sum11;
                id1 = code + SIDE;
            }
            if (norm2 - sum21 < best1) {
                best1 = norm2 - sum21;
                id1 = code + 2 * SIDE;
            }
            if (norm3 - sum31 < best1) {
                best1 = norm3 - sum31;
                id1 = code + 3 * SIDE;
            }
            if (norm0 - sum02 < best2) {
                best2 = norm0 - sum02;
                id2 = code;
            }
            if (norm1 - sum12 < best2) {
                best2 = norm1 - sum12;
                id2 = code + SIDE;
            }
            if (norm2 - sum22 < best2) {
                best2 = norm2 - sum22;
                id2 = code + 2 * SIDE;
            }
            if (norm3 - sum32 < best2) {
                best2 = norm3 - sum32;
                id2 = code + 3 * SIDE;
            }
            if (norm0 - sum03 < best3) {
                best3 = norm0 - sum03;
                id3 = code;
            }
            if (norm1 - sum13 < best3) {
                best3 = norm1 - sum13;
                id3 = code + SIDE;
            }
            if (norm2 - sum23 < best3) {
                best3 = norm2 - sum23;
                id3 = code + 2 * SIDE;
            }
            if (norm3 - sum33 < best3) {
                best3 = norm3 - sum33;
                id3 = code + 3 * SIDE;
            }
        }
        bestScores[line * SIDE + column] = best0;
        bestIds[line * SIDE + column] = id0;
        bestScores[(line + SIDE) * SIDE + column] = best1;
        bestIds[(line + SIDE) * SIDE + column] = id1;
        bestScores[(line + 2 * SIDE) * SIDE + column] = best2;
        bestIds[(line + 2 * SIDE) * SIDE + column] = id2;
        bestScores[(line + 3 * SIDE) * SIDE + column] = best3;
        bestIds[(line + 3 * SIDE) * SIDE + column] = id3;
        context.localBarrier();
        int row = firstRow + item;
        if (item < ROWS && row < capacity) {
            float best = bestScores[item * SIDE];
            int id = bestIds[item * SIDE];
            for (int i = 1; i < SIDE; i++) {
                float score = bestScores[item * SIDE + i];
                int other = bestIds[item * SIDE + i];
                if (score < best || (score == best && other < id)) {
                    best = score;
                    id = other;
                }
            }
            ids.set(row, id);
        }
    }

    /** ½|c|², out of reach for a centroid that is not there. */
    private static float norm(FloatArray halfNorms, int code, int codes) {
        float norm = AssignShape.FAR;
        if (code < codes) {
            norm = halfNorms.get(code);
        }
        return norm;
    }
}
