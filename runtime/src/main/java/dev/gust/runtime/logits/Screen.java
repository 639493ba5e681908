package dev.gust.runtime.logits;

import dev.gust.formats.vqhead.HeadMethod;
import java.lang.foreign.MemorySegment;

/**
 * What a head has beside its exact rows W [V, D]: a smaller stand-in, by which all tokens are scored before the best of
 * them are multiplied exactly. Numbers are little-endian, matrices row-major.
 */
public sealed interface Screen {
    /** The method whose tensors these are. */
    HeadMethod method();

    /** Bytes that scoring all V tokens reads. */
    long byteSize();

    /** Nothing: all rows are multiplied. */
    record None() implements Screen {
        @Override
        public HeadMethod method() {
            return HeadMethod.DENSE;
        }

        @Override
        public long byteSize() {
            return 0;
        }
    }

    /**
     * Clusters of tokens.
     *
     * @param k how many
     * @param centroids float32 [K, D]
     * @param assignments int32 [V]: the cluster of each token
     * @param spherical whether centroids have length 1
     */
    record Clusters(int k, MemorySegment centroids, MemorySegment assignments, boolean spherical) implements Screen {
        @Override
        public HeadMethod method() {
            return spherical ? HeadMethod.SPHERICAL : HeadMethod.KMEANS;
        }

        @Override
        public long byteSize() {
            return centroids.byteSize();
        }
    }

    /**
     * Codes into codebooks: of parts of a row (product quantization, Jégou et al. 2011), or of whole rows that are added up
     * (residual).
     *
     * @param s codes to a token
     * @param c entries of a codebook, at most 256
     * @param w columns of an entry: ceil(D / S) with zeros behind column D, or D where residual
     * @param codebooks float32 [S, C, W]
     * @param codes bytes [V, S]
     * @param residual whether entries are whole rows
     */
    record Codes(int s, int c, int w, MemorySegment codebooks, MemorySegment codes, boolean residual)
            implements Screen {
        @Override
        public HeadMethod method() {
            return residual ? HeadMethod.RVQ : HeadMethod.PQ;
        }

        @Override
        public long byteSize() {
            return codes.byteSize() + codebooks.byteSize();
        }
    }

    /**
     * Codes of 4 bits.
     *
     * @param width D rounded up to a multiple of {@link #BLOCK}
     * @param codes bytes [V, width / 2]: value + 8, that of the even column in the low nibble
     * @param scales float16 [V, width / 32]
     */
    record Int4(int width, MemorySegment codes, MemorySegment scales) implements Screen {
        /** Columns that share a scale. */
        public static final int BLOCK = 32;

        @Override
        public HeadMethod method() {
            return HeadMethod.INT4;
        }

        @Override
        public long byteSize() {
            return codes.byteSize() + scales.byteSize();
        }
    }

    /**
     * W ≈ A · B.
     *
     * @param r the rank
     * @param a float32 [V, r]
     * @param b float32 [r, D]
     */
    record LowRank(int r, MemorySegment a, MemorySegment b) implements Screen {
        @Override
        public HeadMethod method() {
            return HeadMethod.LOWRANK;
        }

        @Override
        public long byteSize() {
            return a.byteSize() + b.byteSize();
        }
    }
}
