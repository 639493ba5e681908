package dev.gust.quantization.lowrank;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.gust.formats.UsageException;
import dev.gust.quantization.lowrank.RankBudget.Layer;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;

class RankBudgetTest {
    private static Layer layer(int m, int n, double... spectrum) {
        return new Layer("layer", spectrum, 1, m + n, (double) m * n);
    }

    private static double[] geometric(int count, double ratio) {
        double[] s = new double[count];
        for (int i = 0; i < count; i++) {
            s[i] = Math.pow(ratio, i);
        }
        return s;
    }

    @Test
    void factorsPayBelowBreakEvenOnly() {
        assertThat(RankBudget.breakEven(384, 384)).isEqualTo(191);
        assertThat(RankBudget.breakEven(1536, 384)).isEqualTo(307); // 307.2
        assertThat(RankBudget.breakEven(4, 4)).isEqualTo(1);
        assertThat(RankBudget.breakEven(1, 100)).isZero();
        assertThat(RankBudget.breakEven(1L << 31, 1L << 31)).isEqualTo((1L << 30) - 1);
    }

    @Test
    void anEnergyTakesTheFewestRanks() {
        double[] s = {3, 2, 1, 0.5, 0}; // squares 9, 4, 1, 0.25: 14.25
        assertThat(RankBudget.rankForEnergy(s, 9 / 14.25)).isEqualTo(1);
        assertThat(RankBudget.rankForEnergy(s, 9.01 / 14.25)).isEqualTo(2);
        assertThat(RankBudget.rankForEnergy(s, 0.93)).isEqualTo(3);
        assertThat(RankBudget.rankForEnergy(s, 1)).isEqualTo(4);
        assertThat(RankBudget.rankForEnergy(new double[3], 0.5)).isEqualTo(1);
    }

    @Test
    void ranksGoWhereTheyTakeAwayMostForWhatTheyCost() {
        // The same shape: the one whose values fall slowly needs more of them.
        int[] ranks = RankBudget.ranks(
                List.of(layer(40, 40, geometric(40, 0.5)), layer(40, 40, geometric(40, 0.97))), 0.25 * 3200);
        assertThat((ranks[0] + ranks[1]) * 80).isEqualTo(800);
        assertThat(ranks[1]).isGreaterThan(ranks[0]);
        // The same values: the one whose ranks cost less gets more.
        ranks = RankBudget.ranks(List.of(layer(40, 40, geometric(40, 0.9)), layer(80, 400, geometric(80, 0.9))), 4000);
        assertThat(ranks[0]).isGreaterThan(ranks[1]);
    }

    @Test
    void theBudgetHoldsAndIsUsedUp() {
        var random = new SplittableRandom(3);
        for (int round = 0; round < 50; round++) {
            var layers = new ArrayList<Layer>();
            double all = 0;
            double dearest = 0;
            for (int i = 0; i < 4; i++) {
                int m = random.nextInt(8, 60);
                int n = random.nextInt(8, 60);
                layers.add(layer(m, n, geometric(Math.min(m, n), random.nextDouble(0.7, 0.99))));
                all += m * n;
                dearest = Math.max(dearest, m * n);
            }
            double budget = random.nextDouble(0.5, 0.95) * all;
            int[] ranks = RankBudget.ranks(layers, budget);
            double spent = 0;
            for (int i = 0; i < 4; i++) {
                Layer layer = layers.get(i);
                assertThat(ranks[i]).isBetween(0, layer.mostThatPays());
                spent += ranks[i] == 0 ? layer.dense() : ranks[i] * layer.perRank();
            }
            assertThat(spent).isBetween(budget - dearest, budget);
        }
    }

    /** All ways to share out a budget over two small layers: none loses noticeably less than the greedy one. */
    @Test
    void noOtherSharingLosesLess() {
        List<Layer> layers = List.of(layer(12, 12, geometric(12, 0.6)), layer(12, 20, geometric(12, 0.8)));
        double budget = 160;
        int[] ranks = RankBudget.ranks(layers, budget);
        double least = Double.POSITIVE_INFINITY;
        for (int a = 1; a <= layers.get(0).mostThatPays(); a++) {
            for (int b = 1; b <= layers.get(1).mostThatPays(); b++) {
                if (a * 24 + b * 32 <= budget) {
                    least = Math.min(least, loss(layers.get(0), a) + loss(layers.get(1), b));
                }
            }
        }
        assertThat(loss(layers.get(0), ranks[0]) + loss(layers.get(1), ranks[1]))
                .isLessThan(1.05 * least);
    }

    private static double loss(Layer layer, int rank) {
        double[] s = layer.spectrum();
        return Math.pow(Spectra.tail(i -> s[i], rank, s.length) / Spectra.tail(i -> s[i], 0, s.length), 2);
    }

    @Test
    void aLayerThatNeedsAllStaysWhole() {
        double[] flat = geometric(20, 1);
        int[] ranks = RankBudget.ranks(List.of(layer(20, 20, flat), layer(20, 20, geometric(20, 0.1))), 0.95 * 800);
        assertThat(ranks[0]).isZero();
        assertThat(ranks[1]).isBetween(1, 9);
    }

    @Test
    void stepsAreKeptAndThinLayersStayWhole() {
        var stepped = new Layer("a", geometric(64, 0.9), 16, 128, 4096);
        int[] ranks = RankBudget.ranks(List.of(stepped, layer(1, 50, 1)), 3000);
        assertThat(ranks[0]).isEqualTo(16);
        assertThat(ranks[1]).isZero();
    }

    @Test
    void aWeightOfZerosTakesNoMoreThanItMust() {
        int[] ranks = RankBudget.ranks(List.of(layer(20, 20, new double[20]), layer(20, 20, geometric(20, 0.9))), 300);
        assertThat(ranks).containsExactly(1, 6);
    }

    @Test
    void refusesABudgetBelowTheLeastRanks() {
        assertThatThrownBy(() -> RankBudget.ranks(List.of(layer(10, 10, geometric(10, 0.5))), 19))
                .isInstanceOf(UsageException.class)
                .hasMessageContaining("0.2000");
    }
}
