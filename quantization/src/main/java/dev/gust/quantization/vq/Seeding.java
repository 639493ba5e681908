package dev.gust.quantization.vq;

import dev.gust.runtime.codebook.AssignPlan;
import java.lang.foreign.Arena;
import java.util.Arrays;
import java.util.BitSet;
import java.util.SplittableRandom;

/**
 * First centroids: rows drawn with a probability that is proportional to their squared distance from those drawn before, as
 * k-means++ does (Arthur and Vassilvitskii 2007). Distances are brought up to date after one row as long as there are fewer
 * than sixteen, then after a draw of an eighth of what there is: a round is one search on the device, as in k-means|| (Bahmani et
 * al. 2012), but without its oversampling, since the draws are small.
 *
 * <p>Rows that equal a centroid are never drawn. With fewer distinct rows than centroids, the centroids that are left over
 * repeat the first, and stay without rows, because of equals the first is the nearest.
 */
final class Seeding {
    private static final int PART = 8;

    private final TrainingRun run;
    private final Vectors x;
    private final AssignPlan plan;
    private final SplittableRandom random;
    private final double[] distances;
    private final double[] sums;

    private Seeding(TrainingRun run, Vectors x, AssignPlan plan, SplittableRandom random) {
        this.run = run;
        this.x = x;
        this.plan = plan;
        this.random = random;
        this.distances = new double[x.count()];
        this.sums = new double[x.count()];
        Arrays.fill(distances, 1);
    }

    /**
     * Draws centroids.
     *
     * @param x the rows
     * @param plan these rows, ready for so many centroids
     * @param excluded rows that are never drawn
     * @return [codes, D], in the run's memory
     */
    static Vectors draw(
            TrainingRun run, Vectors x, AssignPlan plan, int codes, BitSet excluded, SplittableRandom random) {
        var seeding = new Seeding(run, x, plan, random);
        excluded.stream().forEach(row -> seeding.distances[row] = 0);
        return seeding.centroids(codes);
    }

    private Vectors centroids(int codes) {
        int[] chosen = new int[codes];
        int count = 0;
        while (count < codes) {
            run.proceed();
            int wanted = Math.min(Math.max(1, count / PART), codes - count);
            int drawn = round(chosen, count, wanted);
            if (drawn == 0) {
                Arrays.fill(chosen, count, codes, chosen[0]);
                break;
            }
            if (count + drawn < codes) {
                approach(Arrays.copyOfRange(chosen, count, count + drawn), count == 0);
            }
            count += drawn;
        }
        return x.pick(run.memory(), chosen);
    }

    /** Draws rows without replacement; fewer if there are not as many that are away from the centroids. */
    private int round(int[] chosen, int from, int wanted) {
        double total = 0;
        int candidates = 0;
        for (int row = 0; row < sums.length; row++) {
            total += distances[row];
            sums[row] = total;
            candidates += distances[row] > 0 ? 1 : 0;
        }
        var taken = new BitSet();
        int drawn = 0;
        while (drawn < Math.min(wanted, candidates)) {
            int row = at(random.nextDouble() * total);
            while (distances[row] == 0 || taken.get(row)) { // rare: the next that may be drawn
                row = (row + 1) % sums.length;
            }
            taken.set(row);
            chosen[from + drawn] = row;
            drawn++;
        }
        return drawn;
    }

    /** The first row whose sum exceeds a value. */
    private int at(double value) {
        int low = 0;
        int high = sums.length - 1;
        while (low < high) {
            int middle = (low + high) >>> 1;
            if (sums[middle] > value) {
                high = middle;
            } else {
                low = middle + 1;
            }
        }
        return low;
    }

    private void approach(int[] rows, boolean first) {
        try (Arena scratch = Arena.ofShared()) {
            TrainingRun.Nearest nearest = TrainingRun.Nearest.room(scratch, x.count());
            nearest.fill(plan, 0, x.pick(scratch, rows));
            for (int row = 0; row < distances.length; row++) {
                double distance = nearest.distance(row);
                if (distances[row] > 0 && (first || distance < distances[row])) {
                    distances[row] = distance;
                }
            }
        }
    }
}
