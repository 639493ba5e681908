package dev.gust.runtime.weight;

import java.lang.foreign.MemorySegment;

/**
 * The weight of a linear layer, y = x · Wᵀ, as it lies in a file: nothing is unpacked.
 *
 * @param name its name, for errors
 * @param n rows: output features
 * @param k columns: input features
 * @param format how it is stored
 * @param codes the values' codes; for blocks and plain numbers all there is
 * @param scales the scales, as {@link WeightFormat.Scaled} says; else empty
 * @param factor what every value is multiplied by besides: 1, or a tensor scale (NVFP4), finite
 */
public record LinearWeight(
        String name, long n, long k, WeightFormat format, MemorySegment codes, MemorySegment scales, float factor) {

    public LinearWeight {
        long expected = codeBytes(format, n, k);
        if (codes.byteSize() != expected) {
            throw new IllegalArgumentException("weight '" + name + "' [" + n + ", " + k + "] as " + format.label()
                    + " takes " + expected + " bytes, not " + codes.byteSize());
        }
        long expectedScales = scaleBytes(format, n, k);
        if (scales.byteSize() != expectedScales) {
            throw new IllegalArgumentException("weight '" + name + "' [" + n + ", " + k + "] as " + format.label()
                    + " has " + expectedScales + " bytes of scales, not " + scales.byteSize());
        }
    }

    /**
     * Bytes that the codes of a weight take.
     *
     * @throws IllegalArgumentException if K does not fill whole blocks
     */
    public static long codeBytes(WeightFormat format, long n, long k) {
        return switch (format) {
            case WeightFormat.Plain(var dtype) -> dtype.byteSize(Math.multiplyExact(n, k));
            case WeightFormat.Scaled scaled -> scaled.code().bytes(Math.multiplyExact(n, k));
            case WeightFormat.Blocks(var dtype) -> Math.multiplyExact(n, dtype.byteSize(k));
        };
    }

    /** Bytes that the scales of a weight take. */
    public static long scaleBytes(WeightFormat format, long n, long k) {
        return format instanceof WeightFormat.Scaled s
                ? Math.multiplyExact(s.scaleGridRows(n), s.scaleGridColumns(k))
                        * s.scale().bytes()
                : 0;
    }

    /** Bytes it takes in all. */
    public long byteSize() {
        return codes.byteSize() + scales.byteSize();
    }

    /**
     * Some of its rows, on the same memory.
     *
     * @param first the first row, a multiple of the rows that share a scale unless all do
     * @param count how many, a multiple of them too unless they end the weight
     */
    public LinearWeight rows(long first, long count) {
        if (first < 0 || count < 0 || first + count > n) {
            throw new IllegalArgumentException("rows " + first + " to " + (first + count) + " of " + n);
        }
        MemorySegment part = codes.asSlice(codeBytes(format, first, k), codeBytes(format, count, k));
        MemorySegment partScales = scales;
        if (format instanceof WeightFormat.Scaled s && s.scaleRows() < n) {
            if (first % s.scaleRows() != 0 || (count % s.scaleRows() != 0 && first + count != n)) {
                throw new IllegalArgumentException(
                        "rows " + first + " to " + (first + count) + " cut a block of " + s.scaleRows());
            }
            partScales = scales.asSlice(scaleBytes(format, first, k), scaleBytes(format, count, k));
        }
        return new LinearWeight(name, count, k, format, part, partScales, factor);
    }
}
