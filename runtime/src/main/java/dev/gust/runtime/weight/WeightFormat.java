package dev.gust.runtime.weight;

import dev.gust.formats.tensor.DType;

/** How the weight [N, K] of a linear layer is stored. */
public sealed interface WeightFormat {
    /** A short name for tables and errors. */
    String label();

    /**
     * Plain numbers, row-major.
     *
     * @param dtype F32, F16 or BF16
     */
    record Plain(DType dtype) implements WeightFormat {
        @Override
        public String label() {
            return dtype.name();
        }
    }

    /**
     * Narrow codes, row-major, and scales in memory of their own. The value of element (n, k) is code · scale, with the
     * scale at row n / {@code scaleRows} and column k / {@code scaleColumns} of a matrix [ceil(N / scaleRows),
     * ceil(K / scaleColumns)].
     *
     * @param code the codes
     * @param scale the scales
     * @param scaleRows rows that share a scale, at least 1
     * @param scaleColumns columns that share a scale, at least 1
     */
    record Scaled(NarrowCode code, ScaleType scale, long scaleRows, long scaleColumns) implements WeightFormat {
        public Scaled {
            if (scaleRows < 1 || scaleColumns < 1) {
                throw new IllegalArgumentException("a scale for " + scaleRows + " × " + scaleColumns + " elements");
            }
        }

        /** Rows of the matrix of scales for {@code n} rows of weights. */
        public long scaleGridRows(long n) {
            return Math.ceilDiv(n, scaleRows);
        }

        /** Columns of the matrix of scales for {@code k} columns of weights. */
        public long scaleGridColumns(long k) {
            return Math.ceilDiv(k, scaleColumns);
        }

        @Override
        public String label() {
            return code + "/" + scale;
        }
    }

    /**
     * GGUF's blocks, which hold their scales; K is a multiple of the block.
     *
     * @param dtype a type of the kind {@link DType.Kind#BLOCK}
     */
    record Blocks(DType dtype) implements WeightFormat {
        @Override
        public String label() {
            return dtype.name();
        }
    }
}
