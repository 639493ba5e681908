package dev.gust.formats.measure;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import jdk.incubator.vector.DoubleVector;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.LongVector;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorShape;
import jdk.incubator.vector.VectorSpecies;

/**
 * Sums over pairs of an original value s and a restored value r, in float64. Sums of chunks merge; as floating-point
 * addition is not associative, the same chunks merged in the same order give the same figures whatever the number of
 * threads that summed them, and other chunks give figures that differ in their last digits.
 *
 * @param count number of pairs
 * @param signal sum of s²
 * @param restored sum of r²
 * @param product sum of s·r
 * @param error sum of (s − r)²
 * @param maxAbs largest |s − r|
 */
public record ErrorSums(long count, double signal, double restored, double product, double error, double maxAbs) {
    /** The sums over nothing. */
    public static final ErrorSums NONE = new ErrorSums(0, 0, 0, 0, 0, 0);

    private static final VectorSpecies<Double> DOUBLES = DoubleVector.SPECIES_PREFERRED;
    private static final VectorSpecies<Long> LONGS = DOUBLES.withLanes(long.class);
    /** As many floats as there are double lanes, so that one load widens to one vector. */
    private static final VectorSpecies<Float> FLOATS =
            VectorSpecies.of(float.class, VectorShape.forBitSize(Math.max(64, DOUBLES.vectorBitSize() / 2)));

    private static final ValueLayout.OfFloat FLOAT =
            ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

    /**
     * Sums one chunk.
     *
     * @param original little-endian float32 values
     * @param restored as many, pairwise
     * @throws IllegalArgumentException if the segments differ in size or are no whole number of floats
     */
    public static ErrorSums of(MemorySegment original, MemorySegment restored) {
        long bytes = original.byteSize();
        if (restored.byteSize() != bytes || bytes % Float.BYTES != 0) {
            throw new IllegalArgumentException(
                    "pairs of float32 values in " + bytes + " and " + restored.byteSize() + " bytes");
        }
        DoubleVector signal = DoubleVector.zero(DOUBLES);
        DoubleVector energy = DoubleVector.zero(DOUBLES);
        DoubleVector product = DoubleVector.zero(DOUBLES);
        DoubleVector error = DoubleVector.zero(DOUBLES);
        LongVector worst = LongVector.zero(LONGS);
        long step = FLOATS.vectorByteSize();
        long at = 0;
        for (; at <= bytes - step; at += step) {
            DoubleVector s = widen(original, at);
            DoubleVector r = widen(restored, at);
            DoubleVector d = s.sub(r);
            signal = s.fma(s, signal);
            energy = r.fma(r, energy);
            product = s.fma(r, product);
            error = d.fma(d, error);
            // Bits without the sign are ordered as the magnitudes are, and an integer maximum is one instruction.
            worst = worst.max(d.reinterpretAsLongs().and(Long.MAX_VALUE));
        }
        double signalSum = sum(signal);
        double energySum = sum(energy);
        double productSum = sum(product);
        double errorSum = sum(error);
        double worstAbs = Double.longBitsToDouble(worst.reduceLanes(VectorOperators.MAX));
        for (; at < bytes; at += Float.BYTES) {
            double s = original.get(FLOAT, at);
            double r = restored.get(FLOAT, at);
            double d = s - r;
            signalSum += s * s;
            energySum += r * r;
            productSum += s * r;
            errorSum += d * d;
            worstAbs = Math.max(worstAbs, Math.abs(d));
        }
        return new ErrorSums(bytes / Float.BYTES, signalSum, energySum, productSum, errorSum, worstAbs);
    }

    /**
     * The lanes, added from the first to the last. {@code reduceLanes(ADD)} leaves the order open, and compiled code
     * takes another than the interpreter: figures would depend on when a method was compiled.
     */
    private static double sum(DoubleVector lanes) {
        double sum = 0;
        for (double lane : lanes.toArray()) {
            sum += lane;
        }
        return sum;
    }

    private static DoubleVector widen(MemorySegment floats, long at) {
        return (DoubleVector) FloatVector.fromMemorySegment(FLOATS, floats, at, ByteOrder.LITTLE_ENDIAN)
                .convertShape(VectorOperators.F2D, DOUBLES, 0);
    }

    /** These sums and those of the chunk that follows. */
    public ErrorSums merge(ErrorSums next) {
        return new ErrorSums(
                count + next.count,
                signal + next.signal,
                this.restored + next.restored,
                product + next.product,
                error + next.error,
                Math.max(maxAbs, next.maxAbs));
    }

    /**
     * Signal to quantization noise, 10·log10(Σs² / Σ(s − r)²), in dB. Infinite if nothing was lost, an all-zero
     * original restored as zeros included; minus infinity if an all-zero original was restored as something else.
     */
    public double sqnrDb() {
        return error == 0 ? Double.POSITIVE_INFINITY : 10 * Math.log10(signal / error);
    }

    /** Mean squared error; 0 over nothing. */
    public double mse() {
        return count == 0 ? 0 : error / count;
    }

    /**
     * Cosine of the angle between original and restored, −1 to 1. Two zero vectors count as equal (1), a zero vector
     * and another as orthogonal (0).
     */
    public double cosine() {
        if (signal == 0 || restored == 0) {
            return signal == restored ? 1 : 0;
        }
        // Roots first: the product of two energies can overflow where the energies do not.
        return Math.clamp(product / (Math.sqrt(signal) * Math.sqrt(restored)), -1.0, 1.0);
    }
}
