package dev.gust.formats.codec.block;

import static dev.gust.formats.codec.block.Lanes.I;
import static dev.gust.formats.codec.block.Lanes.IOTA;

import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorOperators;

/** Q5_0 and Q5_1 keep the top bit of their 32 five-bit codes in one word, bit i for element i. */
final class FifthBits {
    private FifthBits() {}

    /** 16 where bit {@code first + lane} of the word is set, else 0. */
    static IntVector spread(int word, int first) {
        return IntVector.broadcast(I, word)
                .lanewise(VectorOperators.LSHR, IOTA.add(first))
                .and(1)
                .lanewise(VectorOperators.LSHL, 4);
    }

    /** The word's bits for the codes of elements {@code first} onwards. */
    static int gather(IntVector codes, int first) {
        return (int) (codes.compare(VectorOperators.GE, 16).toLong() << first);
    }
}
