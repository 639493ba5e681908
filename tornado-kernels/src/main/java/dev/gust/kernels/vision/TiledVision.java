package dev.gust.kernels.vision;

import uk.ac.manchester.tornado.api.KernelContext;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;

/**
 * The state and the output of {@link PortableVision} in tiles of 16 × 64. A group of 16 × 16 work-items has tiles of both
 * factors in local memory; each work-item makes four sums, 16 columns apart, so that neighbours read neighbouring words. All
 * groups lie along x, of which devices take more than of y: many small images in a batch are many groups.
 */
public final class TiledVision {
    /** Work-items of a group along x and along y; also rows of a tile and the depth of a step. */
    public static final int SIDE = 16;

    /** Columns of a tile. */
    public static final int COLUMNS = 64;

    private TiledVision() {}

    /**
     * As {@link PortableVision#statePortable}, for ceil(F / 16) · ceil(D / 64) groups to each head, those along D next to
     * each other.
     */
    public static void stateTiles(
            KernelContext context,
            FloatArray k,
            FloatArray v,
            FloatArray keyWeights,
            FloatArray valueWeights,
            FloatArray state,
            IntArray sizes,
            int count,
            int width,
            int weighting) {
        float[] keyTile = context.allocateFloatLocalArray(SIDE * SIDE);
        float[] valueTile = context.allocateFloatLocalArray(SIDE * COLUMNS);
        int x = context.localIdx;
        int y = context.localIdy;
        int item = y * SIDE + x;
        int across = (width + COLUMNS - 1) / COLUMNS;
        int down = (count + SIDE - 1) / SIDE;
        int tile = context.groupIdx / across;
        int firstColumn = (context.groupIdx - tile * across) * COLUMNS;
        int head = tile / down;
        int firstFeature = (tile - head * down) * SIDE;
        int tokens = sizes.get(VisionSizes.TOKENS);
        boolean inside = head < sizes.get(VisionSizes.BATCHES) * sizes.get(VisionSizes.HEADS);
        int stop = inside ? tokens : 0;
        float share = 1.0f / (float) tokens;
        int column = firstColumn + (item & (COLUMNS - 1));
        int from = item / COLUMNS;
        float sum0 = 0.0f;
        float sum1 = 0.0f;
        float sum2 = 0.0f;
        float sum3 = 0.0f;
        for (int start = 0; start < stop; start += SIDE) {
            int n = start + y;
            float key = 0.0f;
            if (n < stop && firstFeature + x < count) {
                int row = VisionValues.row(head, n, sizes);
                key = k.get(row * count + firstFeature + x) * (share * VisionValues.weight(keyWeights, row, weighting));
            }
            keyTile[item] = key;
            for (int line = from; line < SIDE; line += SIDE * SIDE / COLUMNS) {
                float value = 0.0f;
                if (start + line < stop && column < width) {
                    int row = VisionValues.row(head, start + line, sizes);
                    value = v.get(row * width + column) * VisionValues.weight(valueWeights, row, weighting >> 1);
                }
                valueTile[line * COLUMNS + (item & (COLUMNS - 1))] = value;
            }
            context.localBarrier();
            for (int t = 0; t < SIDE; t++) {
                float factor = keyTile[t * SIDE + y];
                int at = t * COLUMNS + x;
                sum0 += factor * valueTile[at];
                sum1 += factor * valueTile[at + SIDE];
                sum2 += factor * valueTile[at + 2 * SIDE];
                sum3 += factor * valueTile[at + 3 * SIDE];
            }
            context.localBarrier();
        }
        int f = firstFeature + y;
        if (inside && f < count) {
            int to = (head * count + f) * width;
            int d = firstColumn + x;
            store(state, to, d, width, sum0);
            store(state, to, d + SIDE, width, sum1);
            store(state, to, d + 2 * SIDE, width, sum2);
            store(state, to, d + 3 * SIDE, width, sum3);
        }
    }

    /**
     * As {@link PortableVision#readPortable}, for ceil(N / 16) · ceil(D / 64) groups to each head, those along D next to
     * each other.
     */
    public static void readTiles(
            KernelContext context,
            FloatArray q,
            FloatArray plain,
            FloatArray state,
            FloatArray keyMeans,
            FloatArray valueMeans,
            FloatArray o,
            IntArray sizes,
            int count,
            int width,
            int kind,
            float scale,
            float eps) {
        float[] queryTile = context.allocateFloatLocalArray(SIDE * SIDE);
        float[] stateTile = context.allocateFloatLocalArray(SIDE * COLUMNS);
        float[] plainTile = context.allocateFloatLocalArray(SIDE * SIDE);
        float[] meanTile = context.allocateFloatLocalArray(SIDE);
        int x = context.localIdx;
        int y = context.localIdy;
        int item = y * SIDE + x;
        int tokens = sizes.get(VisionSizes.TOKENS);
        int across = (width + COLUMNS - 1) / COLUMNS;
        int down = (tokens + SIDE - 1) / SIDE;
        int tile = context.groupIdx / across;
        int firstColumn = (context.groupIdx - tile * across) * COLUMNS;
        int head = tile / down;
        int n = (tile - head * down) * SIDE + y;
        boolean inside = head < sizes.get(VisionSizes.BATCHES) * sizes.get(VisionSizes.HEADS);
        int stop = inside ? sizes.get(VisionSizes.FEATURES) : 0;
        int row = VisionValues.row(head, n, sizes);
        int column = firstColumn + (item & (COLUMNS - 1));
        int from = item / COLUMNS;
        float sum0 = 0.0f;
        float sum1 = 0.0f;
        float sum2 = 0.0f;
        float sum3 = 0.0f;
        float similarity = 0.0f;
        for (int start = 0; start < stop; start += SIDE) {
            int f = start + x;
            float query = 0.0f;
            float denominator = 0.0f;
            if (n < tokens && f < stop) {
                query = q.get(row * count + f);
                if (kind != VisionCode.PLAIN) {
                    denominator = plain.get(row * count + f);
                }
            }
            queryTile[item] = query;
            plainTile[item] = denominator;
            if (y == 0) {
                float mean = 0.0f;
                if (kind != VisionCode.PLAIN && f < stop) {
                    mean = keyMeans.get(head * count + f);
                }
                meanTile[x] = mean;
            }
            for (int line = from; line < SIDE; line += SIDE * SIDE / COLUMNS) {
                float value = 0.0f;
                if (start + line < stop && column < width) {
                    value = state.get((head * count + start + line) * width + column);
                }
                stateTile[line * COLUMNS + (item & (COLUMNS - 1))] = value;
            }
            context.localBarrier();
            for (int t = 0; t < SIDE; t++) {
                float factor = queryTile[y * SIDE + t];
                int at = t * COLUMNS + x;
                sum0 += factor * stateTile[at];
                sum1 += factor * stateTile[at + SIDE];
                sum2 += factor * stateTile[at + 2 * SIDE];
                sum3 += factor * stateTile[at + 3 * SIDE];
                similarity += plainTile[y * SIDE + t] * meanTile[t];
            }
            context.localBarrier();
        }
        if (inside && n < tokens) {
            float stateFactor = VisionValues.stateFactor(similarity, kind, scale, eps);
            float meanFactor = VisionValues.meanFactor(similarity, kind, scale);
            int to = row * width;
            int means = head * width;
            int d = firstColumn + x;
            store(o, to, d, width, stateFactor * sum0 + meanPart(valueMeans, means, d, width, kind, meanFactor));
            d += SIDE;
            store(o, to, d, width, stateFactor * sum1 + meanPart(valueMeans, means, d, width, kind, meanFactor));
            d += SIDE;
            store(o, to, d, width, stateFactor * sum2 + meanPart(valueMeans, means, d, width, kind, meanFactor));
            d += SIDE;
            store(o, to, d, width, stateFactor * sum3 + meanPart(valueMeans, means, d, width, kind, meanFactor));
        }
    }

    /** What the mean value adds to column d; 0 for kinds without it. */
    private static float meanPart(FloatArray valueMeans, int from, int d, int width, int kind, float factor) {
        float part = 0.0f;
        if (kind == VisionCode.MAGNITUDE || kind == VisionCode.INJECTIVE) {
            int place = d < width ? d : 0;
            part = factor * valueMeans.get(from + place);
        }
        return part;
    }

    /** Stores one sum, if its column is there. */
    private static void store(FloatArray out, int from, int d, int width, float value) {
        if (d < width) {
            out.set(from + d, value);
        }
    }
}
