package dev.gust.quantization.lowrank;

import dev.gust.formats.UsageException;
import java.util.Arrays;
import java.util.List;
import java.util.PriorityQueue;

/**
 * Ranks for all layers of a model from one budget: the next rank goes to the layer where it takes away most loss for what
 * it costs. Losses are shares, so that layers of large and of small outputs count alike: a layer's loss is the part of
 * its squared singular values that is left out, beside all of them.
 */
public final class RankBudget {
    /**
     * A layer that wants ranks.
     *
     * @param name its name
     * @param spectrum all singular values, largest first
     * @param step ranks that are given at once, at least 1: what a scheme's blocks need
     * @param perRank what a rank costs: M + N parameters, or their bytes
     * @param dense what the layer costs as one weight: M·N parameters, or their bytes
     */
    @SuppressWarnings("ArrayRecordComponent") // nothing compares layers
    public record Layer(String name, double[] spectrum, int step, double perRank, double dense) {
        /** The largest rank whose factors cost less than the weight, MN/(M+N) for parameters; a multiple of the step. */
        int mostThatPays() {
            int ranks = (int) Math.min(spectrum.length, Math.ceil(dense / perRank) - 1);
            return Math.max(0, ranks / step * step);
        }
    }

    private RankBudget() {}

    /**
     * Gives out a budget.
     *
     * @param layers the layers
     * @param budget what they may cost together, in the unit of their costs
     * @return a rank for each layer, in their order; 0 for a layer that stays one weight, since no rank that pays is
     *     enough
     * @throws UsageException if the least ranks cost more than that
     */
    public static int[] ranks(List<Layer> layers, double budget) {
        int[] ranks = new int[layers.size()];
        boolean[] whole = new boolean[layers.size()];
        double spent = 0;
        for (int i = 0; i < ranks.length; i++) {
            Layer layer = layers.get(i);
            ranks[i] = Math.min(layer.step(), layer.mostThatPays());
            whole[i] = ranks[i] == 0;
            spent += whole[i] ? layer.dense() : ranks[i] * layer.perRank();
        }
        if (spent > budget) {
            double all = layers.stream().mapToDouble(Layer::dense).sum();
            throw new UsageException(
                    "the least ranks of " + layers.size() + " layers take more than the budget",
                    String.format(
                            java.util.Locale.ROOT,
                            "allow a share of at least %.4f",
                            Math.ceil(spent / all * 1e4) / 1e4));
        }
        var queue = new PriorityQueue<Offer>();
        for (int i = 0; i < ranks.length; i++) {
            if (!whole[i]) {
                queue.add(Offer.next(layers.get(i), i, ranks[i]));
            }
        }
        while (!queue.isEmpty()) {
            Offer offer = queue.remove();
            if (spent + offer.cost() > budget) {
                continue; // a cheaper layer may still fit
            }
            spent += offer.cost();
            int i = offer.index();
            if (offer.rank() > layers.get(i).mostThatPays()) {
                whole[i] = true;
            } else {
                ranks[i] = offer.rank();
                queue.add(Offer.next(layers.get(i), i, ranks[i]));
            }
        }
        for (int i = 0; i < ranks.length; i++) {
            ranks[i] = whole[i] ? 0 : ranks[i];
        }
        return ranks;
    }

    /**
     * Some more ranks for a layer, or, beyond the largest that pays, all of its weight.
     *
     * @param index of the layer
     * @param rank what it would have
     * @param gain loss that it would no longer have
     * @param cost what that costs
     */
    private record Offer(int index, int rank, double gain, double cost) implements Comparable<Offer> {
        static Offer next(Layer layer, int index, int rank) {
            boolean pays = rank + layer.step() <= layer.mostThatPays();
            int end = pays ? rank + layer.step() : layer.spectrum().length;
            double gain = squares(layer.spectrum(), rank, end)
                    / Math.max(Double.MIN_NORMAL, squares(layer.spectrum(), 0, layer.spectrum().length));
            double cost = pays ? layer.step() * layer.perRank() : layer.dense() - rank * layer.perRank();
            return new Offer(index, pays ? end : Integer.MAX_VALUE, gain, cost);
        }

        private static double squares(double[] s, int from, int to) {
            double sum = 0;
            for (int i = from; i < to; i++) {
                sum += s[i] * s[i];
            }
            return sum;
        }

        /** Most gain for its cost first; of equals the first layer, so that ranks do not depend on the queue. */
        @Override
        public int compareTo(Offer other) {
            int order = Double.compare(other.gain / other.cost, gain / cost);
            return order != 0 ? order : Integer.compare(index, other.index);
        }
    }

    /**
     * The smallest rank that keeps a share of the squared singular values.
     *
     * @param spectrum all of them, largest first
     * @param energy the share, more than 0 and at most 1
     */
    public static int rankForEnergy(double[] spectrum, double energy) {
        double total = Arrays.stream(spectrum).map(s -> s * s).sum();
        double kept = 0;
        for (int r = 0; r < spectrum.length; r++) {
            kept += spectrum[r] * spectrum[r];
            if (kept >= energy * total * (1 - 1e-12)) { // the sum of all may differ from the total in its last digits
                return r + 1;
            }
        }
        return spectrum.length;
    }

    /** The largest rank at which two factors have fewer numbers than the weight [m, n]: below MN/(M+N). */
    public static long breakEven(long m, long n) {
        return (m * n - 1) / (m + n);
    }
}
