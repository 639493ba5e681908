package dev.gust.quantization.pipeline;

/** How many directions of each layer are kept. */
public sealed interface RankChoice {
    /** The option's name. */
    String label();

    /** The number that goes with it. */
    double amount();

    /**
     * The same number for every layer.
     *
     * @param rank at least 1
     */
    record Rank(int rank) implements RankChoice {
        @Override
        public String label() {
            return "rank";
        }

        @Override
        public double amount() {
            return rank;
        }
    }

    /**
     * As many as keep a share of the squared singular values.
     *
     * @param share more than 0 and at most 1
     */
    record Energy(double share) implements RankChoice {
        @Override
        public String label() {
            return "energy";
        }

        @Override
        public double amount() {
            return share;
        }
    }

    /**
     * As many as fit into a share of what the layers take together.
     *
     * @param share more than 0 and less than 1
     * @param unit what is counted
     */
    record Budget(double share, Unit unit) implements RankChoice {
        /** What a budget counts. */
        public enum Unit {
            PARAMETERS,
            /** Bytes on disk: of factors in their scheme, of weights as the model has them. */
            BYTES
        }

        @Override
        public String label() {
            return "budget";
        }

        @Override
        public double amount() {
            return share;
        }
    }
}
