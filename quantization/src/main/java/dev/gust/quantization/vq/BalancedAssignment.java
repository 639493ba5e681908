package dev.gust.quantization.vq;

import java.lang.foreign.Arena;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.PriorityQueue;
import java.util.stream.IntStream;

/**
 * Rows to clusters of equal size, as FlashHead has them: V / K rows each, and one more for the first V mod K clusters.
 *
 * <p>Rows ask their nearest cluster first; a cluster that is full keeps the nearest of its rows and sends the farthest on to
 * that row's next cluster (deferred acceptance, Gale and Shapley 1962). In the end no row and cluster would both rather have
 * each other, and there is one such outcome, whatever the order; of equals the lower index counts as nearer.
 */
final class BalancedAssignment {
    /** Nearest clusters that are found for each row in advance; few rows are sent on further. */
    private static final int LISTED = 32;

    private final Vectors x;
    private final Vectors centroids;
    private final int listed;
    private final int[] lists;
    private final Map<Integer, int[]> longer = new HashMap<>();

    private BalancedAssignment(Vectors x, Vectors centroids) {
        this.x = x;
        this.centroids = centroids;
        this.listed = Math.min(LISTED, centroids.count());
        this.lists = new int[Math.multiplyExact(x.count(), listed)];
    }

    /** A row in a cluster. */
    private record Place(int row, double distance) {}

    static TrainingRun.Nearest of(TrainingRun run, Vectors x, Vectors centroids) {
        var assignment = new BalancedAssignment(x, centroids);
        assignment.list(run);
        return assignment.settle(run);
    }

    private void list(TrainingRun run) {
        float[] columns = columns();
        run.forRows(x.count(), 64, (first, end) -> {
            run.proceed();
            float[] row = new float[x.length()];
            float[] distances = new float[centroids.count()];
            for (int r = (int) first; r < end; r++) {
                x.load(r, row);
                int[] nearest = order(row, columns, distances, listed);
                System.arraycopy(nearest, 0, lists, r * listed, listed);
            }
        });
    }

    /** The centroids column by column, so that the loop over them has no sum to carry. */
    private float[] columns() {
        float[] table = centroids.data().toArray(Vectors.F32);
        float[] columns = new float[table.length];
        for (int code = 0; code < centroids.count(); code++) {
            for (int d = 0; d < x.length(); d++) {
                columns[d * centroids.count() + code] = table[code * x.length() + d];
            }
        }
        return columns;
    }

    private TrainingRun.Nearest settle(TrainingRun run) {
        int codes = centroids.count();
        var clusters = new ArrayList<PriorityQueue<Place>>();
        Comparator<Place> farthestFirst = Comparator.comparingDouble(Place::distance)
                .thenComparingInt(Place::row)
                .reversed();
        IntStream.range(0, codes).forEach(_ -> clusters.add(new PriorityQueue<>(farthestFirst)));
        int[] asked = new int[x.count()];
        var free = new ArrayDeque<Integer>();
        IntStream.range(0, x.count()).forEach(free::add);
        float[] row = new float[x.length()];
        float[] columns = columns();
        float[] distances = new float[codes];
        while (!free.isEmpty()) {
            int r = free.poll();
            x.load(r, row);
            int code = choice(r, asked[r]++, row, columns, distances);
            PriorityQueue<Place> cluster = clusters.get(code);
            cluster.add(new Place(r, distance(row, columns, code)));
            int capacity = x.count() / codes + (code < x.count() % codes ? 1 : 0);
            if (cluster.size() > capacity) {
                free.add(Objects.requireNonNull(cluster.poll()).row());
            }
        }
        return nearest(run.memory(), clusters);
    }

    private TrainingRun.Nearest nearest(Arena memory, List<PriorityQueue<Place>> clusters) {
        TrainingRun.Nearest nearest = TrainingRun.Nearest.room(memory, x.count());
        for (int code = 0; code < clusters.size(); code++) {
            for (Place place : clusters.get(code)) {
                nearest.set(place.row(), code, (float) place.distance());
            }
        }
        return nearest;
    }

    /** The cluster at some place of a row's list, which is made anew, four times as long, where it goes on beyond its end. */
    private int choice(int r, int place, float[] row, float[] columns, float[] distances) {
        if (place < listed) {
            return lists[r * listed + place];
        }
        int[] list = longer.getOrDefault(r, new int[0]);
        if (place >= list.length) {
            list = order(row, columns, distances, Math.min(4 * place, centroids.count()));
            longer.put(r, list);
        }
        return list[place];
    }

    /** The nearest clusters in order. */
    private int[] order(float[] row, float[] columns, float[] distances, int count) {
        Arrays.fill(distances, 0);
        for (int d = 0; d < row.length; d++) {
            float value = row[d];
            int at = d * distances.length;
            for (int code = 0; code < distances.length; code++) {
                float difference = value - columns[at + code];
                distances[code] += difference * difference;
            }
        }
        var kept = new PriorityQueue<Integer>(Comparator.comparingDouble((Integer code) -> distances[code])
                .thenComparingInt(code -> code)
                .reversed());
        for (int code = 0; code < distances.length; code++) {
            if (kept.size() < count) {
                kept.add(code);
            } else if (distances[code] < distances[Objects.requireNonNull(kept.peek())]) {
                kept.poll();
                kept.add(code);
            }
        }
        int[] order = new int[count];
        for (int i = count - 1; i >= 0; i--) {
            order[i] = Objects.requireNonNull(kept.poll());
        }
        return order;
    }

    private double distance(float[] row, float[] columns, int code) {
        float sum = 0;
        for (int d = 0; d < row.length; d++) {
            float difference = row[d] - columns[d * centroids.count() + code];
            sum += difference * difference;
        }
        return sum;
    }
}
