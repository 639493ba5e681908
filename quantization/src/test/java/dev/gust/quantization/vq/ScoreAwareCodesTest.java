package dev.gust.quantization.vq;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.gust.runtime.jvm.JvmDevice;
import java.lang.foreign.Arena;
import java.lang.foreign.ValueLayout;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** Codes that are chosen for scores, against their loss in float64. */
class ScoreAwareCodesTest {
    private static final int ROWS = 300;
    private static final int LENGTH = 10;
    private static final double WEIGHT = 3;

    private final JvmDevice host = new JvmDevice();
    private final Arena arena = Arena.ofShared();
    private final TrainingRun run = TrainingRun.on(host, arena);

    @AfterEach
    void close() {
        host.close();
        arena.close();
    }

    /** With one part there is nothing to descend along: the entry of least loss, or one that rounding cannot tell from it. */
    @Test
    void oneCodeIsTheOneOfLeastLoss() {
        Vectors x = Points.gaussian(arena, ROWS, LENGTH, 5);
        ProductQuantizer.Codes codes =
                ScoreAwareCodes.choose(run, x, ProductQuantizer.product(run, x, 1, KMeansOptions.of(32, 1)), WEIGHT);
        for (int r = 0; r < ROWS; r++) {
            double least = Double.POSITIVE_INFINITY;
            for (int code = 0; code < 32; code++) {
                least = Math.min(least, loss(x, codes, r, code));
            }
            assertThat(loss(x, codes, r, code(codes, r, 0))).isCloseTo(least, within(1e-5 * least));
        }
    }

    @Test
    void noRowLosesAndErrorsAreTurnedAcrossTheRows() {
        Vectors x = Points.gaussian(arena, ROWS, LENGTH, 6);
        var options = KMeansOptions.of(16, 1);
        ProductQuantizer.Codes nearest = ProductQuantizer.product(run, x, 4, options);
        ProductQuantizer.Codes chosen =
                ScoreAwareCodes.choose(run, x, ProductQuantizer.product(run, x, 4, options), WEIGHT);
        double before = 0;
        double after = 0;
        double whole = 0;
        for (int r = 0; r < ROWS; r++) {
            assertThat(loss(x, chosen, r, -1)).isLessThanOrEqualTo(loss(x, nearest, r, -1) * (1 + 1e-5));
            before += Math.pow(along(x, nearest, r, -1), 2);
            after += Math.pow(along(x, chosen, r, -1), 2);
            assertThat(chosen.errors()[r]).isCloseTo(error(x, chosen, r, -1), within(1e-4));
            whole += chosen.errors()[r];
        }
        // 16 entries to a part leave little choice; a weight that is not used would leave all of it.
        assertThat(after).isLessThan(0.7 * before);
        assertThat(chosen.error()).isCloseTo(whole, within(1e-6 * whole));
        assertThat(chosen.codebooks().mismatch(nearest.codebooks())).isEqualTo(-1);
    }

    @Test
    void rowsOfZerosAndAWeightOfNothingKeepTheNearestEntries() {
        Vectors x = Points.gaussian(arena, ROWS, LENGTH, 7);
        x.rows(17, 1).data().fill((byte) 0);
        var options = KMeansOptions.of(16, 1);
        ProductQuantizer.Codes nearest = ProductQuantizer.product(run, x, 4, options);
        ProductQuantizer.Codes chosen =
                ScoreAwareCodes.choose(run, x, ProductQuantizer.product(run, x, 4, options), WEIGHT);
        for (int part = 0; part < 4; part++) {
            assertThat(code(chosen, 17, part)).isEqualTo(code(nearest, 17, part));
        }
        assertThat(chosen.codes().mismatch(nearest.codes())).isNotEqualTo(-1);
        ProductQuantizer.Codes kept = ScoreAwareCodes.choose(run, x, ProductQuantizer.product(run, x, 4, options), 0);
        assertThat(kept.codes().mismatch(nearest.codes())).isEqualTo(-1);
    }

    /** |e|² + w (e·x/|x|)², for the codes of a row, or for one code that stands for all of it. */
    private static double loss(Vectors x, ProductQuantizer.Codes codes, int row, int code) {
        return error(x, codes, row, code) + WEIGHT * Math.pow(along(x, codes, row, code), 2);
    }

    private static double error(Vectors x, ProductQuantizer.Codes codes, int row, int code) {
        double sum = 0;
        for (int d = 0; d < LENGTH; d++) {
            sum += Math.pow(difference(x, codes, row, code, d), 2);
        }
        return sum;
    }

    private static double along(Vectors x, ProductQuantizer.Codes codes, int row, int code) {
        double sum = 0;
        double squares = 0;
        for (int d = 0; d < LENGTH; d++) {
            sum += difference(x, codes, row, code, d) * Points.at(x, row, d);
            squares += Math.pow(Points.at(x, row, d), 2);
        }
        return sum / Math.sqrt(squares);
    }

    private static double difference(Vectors x, ProductQuantizer.Codes codes, int row, int code, int d) {
        int part = d / codes.width();
        long entry = (long) part * codes.entries() + (code < 0 ? code(codes, row, part) : code);
        return Points.at(x, row, d)
                - codes.codebooks().getAtIndex(Vectors.F32, entry * codes.width() + d % codes.width());
    }

    private static int code(ProductQuantizer.Codes codes, int row, int part) {
        return codes.codes().get(ValueLayout.JAVA_BYTE, (long) row * codes.parts() + part) & 0xFF;
    }
}
