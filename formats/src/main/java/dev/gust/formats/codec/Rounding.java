package dev.gust.formats.codec;

/** How a value between two values of a narrower type is rounded. */
public sealed interface Rounding {
    /** To the nearest, ties to the even code. */
    record Even() implements Rounding {}

    /**
     * Up or down at random, in proportion to the distance from the other neighbour, so that errors cancel in the mean.
     *
     * <p>The random bits of an element depend on nothing but the seed and the element's index: a conversion cut into
     * chunks, or spread over threads, gives the same codes as one in a single piece.
     *
     * @param seed any value
     */
    record Stochastic(long seed) implements Rounding {
        /** 2^64 over the golden ratio, the increment of SplitMix64 (Steele, Lea, Flood: doi 10.1145/2714064.2660195). */
        static final long GAMMA = 0x9e37_79b9_7f4a_7c15L;

        /** The multipliers of SplitMix64's mixing function, variant 13 of David Stafford. */
        static final long FIRST_FACTOR = 0xbf58_476d_1ce4_e5b9L;

        static final long SECOND_FACTOR = 0x94d0_49bb_1331_11ebL;

        /**
         * 64 random bits for one element: the output of a SplitMix64 generator that started at a mixed seed and was
         * stepped {@code index + 1} times, reached in one step because its state is a counter.
         *
         * @param index the element's index in its tensor
         */
        public long bitsAt(long index) {
            return mix(stateAt(index));
        }

        /** The generator's state for one element; the next element's is {@link #GAMMA} more. */
        public long stateAt(long index) {
            // Mixing the seed first keeps the streams of neighbouring seeds from being shifted copies of each other.
            return mix(seed + GAMMA) + (index + 1) * GAMMA;
        }

        /** SplitMix64's output function: from a state to bits that look random. */
        static long mix(long z) {
            long y = (z ^ (z >>> 30)) * FIRST_FACTOR;
            y = (y ^ (y >>> 27)) * SECOND_FACTOR;
            return y ^ (y >>> 31);
        }
    }

    /** To the nearest, ties to the even code. */
    Rounding EVEN = new Even();
}
