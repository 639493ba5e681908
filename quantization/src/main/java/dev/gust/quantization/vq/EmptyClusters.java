package dev.gust.quantization.vq;

import java.util.Arrays;

/**
 * Gives each empty cluster, in order, the row that is farthest from its centroid among those that share theirs, the lower row
 * of equals. Rows that lie on their centroid stay, so a cluster may remain empty where there are too few distinct rows.
 */
final class EmptyClusters {
    private EmptyClusters() {}

    /**
     * Repairs.
     *
     * @param nearest is changed: rows that move have no distance
     * @return how many clusters got a row
     */
    static int repair(TrainingRun.Nearest nearest, int codes) {
        int[] sizes = nearest.sizes(codes);
        if (Arrays.stream(sizes).noneMatch(s -> s == 0)) {
            return 0;
        }
        long[] order = new long[nearest.rows()];
        for (int row = 0; row < order.length; row++) {
            // Bits of floats that are not negative order as the floats do.
            long near = (long) Integer.MAX_VALUE - Float.floatToIntBits(nearest.distance(row));
            order[row] = near << Integer.SIZE | row;
        }
        Arrays.sort(order);
        int repaired = 0;
        int next = 0;
        for (int code = 0; code < codes && next < order.length; code++) {
            while (sizes[code] == 0 && next < order.length) {
                int row = (int) order[next++];
                if (nearest.distance(row) > 0 && sizes[nearest.id(row)] > 1) {
                    sizes[nearest.id(row)]--;
                    sizes[code] = 1;
                    nearest.set(row, code, 0);
                    repaired++;
                }
            }
        }
        return repaired;
    }
}
