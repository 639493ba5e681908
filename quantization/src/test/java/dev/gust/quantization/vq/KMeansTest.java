package dev.gust.quantization.vq;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import dev.gust.formats.InputException;
import dev.gust.formats.UsageException;
import dev.gust.quantization.pipeline.Progress;
import dev.gust.runtime.jvm.JvmDevice;
import dev.gust.runtime.scalar.ScalarDevice;
import java.lang.foreign.Arena;
import java.util.Arrays;
import java.util.concurrent.CancellationException;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class KMeansTest {
    private final JvmDevice host = new JvmDevice();
    private final Arena arena = Arena.ofShared();
    private final TrainingRun run = TrainingRun.on(host, arena);

    @AfterEach
    void close() {
        host.close();
        arena.close();
    }

    @ParameterizedTest
    @ValueSource(ints = {0, 50})
    void findsGroupsThatAreFarApart(int batch) {
        Vectors x = Points.blobs(arena, 300, 7, 12, 3);
        Clusters clusters = KMeans.train(run, x, KMeansOptions.of(12, 1).withBatch(batch));
        for (int r = 0; r < 300; r++) {
            assertThat(clusters.id(r)).isEqualTo(clusters.id(r % 12));
        }
        assertThat(IntStream.range(0, 12).map(clusters::id).distinct()).hasSize(12);
        assertThat(clusters.sizes()).containsOnly(25);
        assertThat(clusters.error()).isLessThan(300 * 7 * 0.0002);
    }

    @Test
    void endsWhereRowsAreNearestToMeansOfTheirOwn() {
        Vectors x = Points.gaussian(arena, 500, 5, 4);
        var options = new KMeansOptions(20, 500, 0, 2, 0, 0, false, false);
        Clusters clusters = KMeans.train(run, x, options);
        assertThat(clusters.iterations()).isLessThan(500);
        double error = 0;
        double[][] means = new double[20][5];
        for (int r = 0; r < 500; r++) {
            double own = Points.distance(x, r, clusters.centroids(), clusters.id(r));
            error += own;
            for (int code = 0; code < 20; code++) {
                assertThat(Points.distance(x, r, clusters.centroids(), code)).isGreaterThan(own - 1e-5);
            }
            for (int d = 0; d < 5; d++) {
                means[clusters.id(r)][d] += Points.at(x, r, d) / (double) clusters.sizes()[clusters.id(r)];
            }
        }
        assertThat(clusters.error()).isCloseTo(error, within(1e-4 * error));
        for (int code = 0; code < 20; code++) {
            for (int d = 0; d < 5; d++) {
                assertThat((double) Points.at(clusters.centroids(), code, d)).isCloseTo(means[code][d], within(1e-5));
            }
        }
    }

    @Test
    void dependsOnTheSeedAndNotOnThreads() {
        Vectors x = Points.gaussian(arena, 1000, 9, 5);
        for (KMeansOptions options : new KMeansOptions[] {
            KMeansOptions.of(30, 7),
            KMeansOptions.of(30, 7).withBatch(100),
            KMeansOptions.of(30, 7).angular().ofEqualSize()
        }) {
            Clusters one = KMeans.train(new TrainingRun(host, host, 1, arena, () -> false, Progress.NONE), x, options);
            Clusters four = KMeans.train(new TrainingRun(host, host, 4, arena, () -> false, Progress.NONE), x, options);
            Clusters other = KMeans.train(run, x, options.withSeed(8));
            assertThat(one.centroids().data().mismatch(four.centroids().data())).isEqualTo(-1);
            assertThat(one.ids().mismatch(four.ids())).isEqualTo(-1);
            assertThat(one.ids().mismatch(other.ids())).isNotEqualTo(-1);
        }
    }

    @Test
    void anyDeviceSearches() {
        Vectors x = Points.blobs(arena, 60, 4, 6, 9);
        try (var scalar = new ScalarDevice()) {
            var there = new TrainingRun(scalar, host, 0, arena, () -> false, Progress.NONE);
            Clusters a = KMeans.train(there, x, KMeansOptions.of(6, 1));
            Clusters b = KMeans.train(run, x, KMeansOptions.of(6, 1));
            assertThat(a.ids().mismatch(b.ids())).isEqualTo(-1);
        }
    }

    @Test
    void aSampleTrainsAndAllAreAssigned() {
        Vectors x = Points.blobs(arena, 2000, 3, 4, 6);
        Clusters clusters = KMeans.train(run, x, KMeansOptions.of(4, 1).withSample(100));
        assertThat(clusters.sizes()).containsOnly(500);
        assertThat(KMeansOptions.of(4, 1).sampleOf(2000)).isEqualTo(1024);
        assertThat(KMeansOptions.of(4, 1).withSample(2).sampleOf(2000)).isEqualTo(4);
        assertThat(KMeansOptions.of(1 << 20, 1).sampleOf(1 << 30)).isEqualTo(1 << 28);
    }

    @Test
    void fewerDistinctRowsThanClustersLeaveSomeEmpty() {
        float[] values = new float[60];
        for (int i = 0; i < 60; i++) {
            values[i] = i % 3;
        }
        Vectors x = Points.of(arena, 1, values);
        Clusters clusters = KMeans.train(run, x, KMeansOptions.of(5, 1));
        assertThat(clusters.error()).isZero();
        assertThat(clusters.sizes()).containsExactly(20, 20, 20, 0, 0);
        Clusters zeros = KMeans.train(run, Vectors.zeros(arena, 10, 2), KMeansOptions.of(3, 1));
        assertThat(zeros.sizes()).containsExactly(10, 0, 0);
    }

    @Test
    void anEmptyClusterGetsTheFarthestRowThatSharesItsOwn() {
        TrainingRun.Nearest nearest = TrainingRun.Nearest.room(arena, 6);
        float[] distances = {1, 9, 4, 4, 100, 0};
        int[] ids = {0, 0, 0, 0, 3, 0};
        for (int row = 0; row < 6; row++) {
            nearest.set(row, ids[row], distances[row]);
        }
        assertThat(EmptyClusters.repair(nearest, 4)).isEqualTo(2);
        assertThat(IntStream.range(0, 6).map(nearest::id).toArray()).containsExactly(0, 1, 2, 0, 3, 0);
        assertThat(nearest.distance(1)).isZero();
        assertThat(nearest.distance(2)).isZero();
        assertThat(EmptyClusters.repair(nearest, 4)).isZero();
        assertThat(EmptyClusters.repair(nearest, 8))
                .as("rows on their centroid stay")
                .isEqualTo(2);
    }

    @Test
    void sphericalClustersSeeDirectionsOnly() {
        Vectors x = Points.gaussian(arena, 200, 6, 8);
        Vectors scaled = Vectors.zeros(arena, 203, 6);
        float[] row = new float[6];
        for (int r = 0; r < 200; r++) {
            x.load(r, row);
            for (int d = 0; d < 6; d++) {
                row[d] *= 1 << r % 5;
            }
            scaled.store(r, row);
        }
        var options = KMeansOptions.of(9, 3).angular();
        Clusters clusters = KMeans.train(run, scaled.rows(0, 200), options);
        assertThat(KMeans.train(run, x, options).ids().mismatch(clusters.ids())).isEqualTo(-1);
        Clusters withZeros = KMeans.train(run, scaled, options);
        assertThat(IntStream.range(200, 203).map(withZeros::id).toArray()).containsOnly(0);
        for (int code = 0; code < 9; code++) {
            withZeros.centroids().load(code, row);
            assertThat(Vectors.squares(row)).isCloseTo(1, within(1e-5));
        }
        assertThatThrownBy(() -> KMeans.train(run, Vectors.zeros(arena, 20, 3), options))
                .isInstanceOf(InputException.class)
                .hasMessageContaining("zero");
    }

    @Test
    void clustersOfEqualSizeDifferByOneRow() {
        for (int rows : new int[] {103, 96}) {
            Vectors x = Points.gaussian(arena, rows, 4, 10);
            Clusters clusters = KMeans.train(run, x, KMeansOptions.of(12, 1).ofEqualSize());
            int[] sizes = clusters.sizes();
            for (int code = 0; code < 12; code++) {
                assertThat(sizes[code]).isEqualTo(rows / 12 + (code < rows % 12 ? 1 : 0));
            }
            assertStable(x, clusters);
        }
    }

    /** No row would rather be in a cluster that would rather have it than the farthest of its own. */
    private static void assertStable(Vectors x, Clusters clusters) {
        double[] farthest = new double[clusters.centroids().count()];
        for (int r = 0; r < x.count(); r++) {
            int id = clusters.id(r);
            farthest[id] = Math.max(farthest[id], Points.distance(x, r, clusters.centroids(), id));
        }
        for (int r = 0; r < x.count(); r++) {
            double own = Points.distance(x, r, clusters.centroids(), clusters.id(r));
            for (int code = 0; code < farthest.length; code++) {
                double there = Points.distance(x, r, clusters.centroids(), code);
                assertThat(there < own - 1e-5 && there < farthest[code] - 1e-5)
                        .as("row %d and cluster %d", r, code)
                        .isFalse();
            }
        }
    }

    @Test
    void badInputIsNamed() {
        Vectors x = Points.gaussian(arena, 10, 2, 1);
        assertThatThrownBy(() -> KMeans.train(run, x, KMeansOptions.of(10, 1)))
                .isInstanceOf(InputException.class)
                .hasMessageContaining("10 rows");
        assertThatThrownBy(() -> KMeansOptions.of(0, 1)).isInstanceOf(UsageException.class);
        assertThatThrownBy(() -> KMeansOptions.of(2, 1).withIterations(0)).isInstanceOf(UsageException.class);
        Vectors bad = Points.of(arena, 1, 1, 2, Float.NaN, 4);
        assertThatThrownBy(() -> KMeans.train(run, bad, KMeansOptions.of(2, 1)))
                .isInstanceOf(InputException.class)
                .hasMessageContaining("row 2");
        var stopped = new TrainingRun(host, host, 1, arena, () -> true, Progress.NONE);
        assertThatThrownBy(() -> KMeans.train(stopped, x, KMeansOptions.of(2, 1)))
                .isInstanceOf(CancellationException.class);
        assertThat(Arrays.stream(KMeans.train(run, x, KMeansOptions.of(9, 1)).sizes())
                        .sum())
                .isEqualTo(10);
    }
}
