package dev.gust.formats.codec;

import static dev.gust.formats.codec.CodeLanes.CODES;
import static dev.gust.formats.codec.CodeLanes.LENGTH;
import static dev.gust.formats.codec.CodeLanes.loadFloats;

import java.lang.foreign.MemorySegment;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.LongVector;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorSpecies;

/**
 * Stochastic rounding in bulk, over whole vectors: {@link FloatFormat#encodeStochastic} with the bits of
 * {@link Rounding.Stochastic#bitsAt}, to one code a byte, or two bytes where the format has more than 8 bits.
 *
 * <p>Three loops over chunks that stay in the nearest cache: draw, round, finish. In a single loop there are so many
 * vector operations that the JIT compiler stops inlining them, and puts vectors on the heap.
 */
final class StochasticLoop {
    private static final VectorSpecies<Long> LONGS = CODES.withLanes(long.class);
    private static final int FLOAT_INFINITY = 0x7f80_0000;
    private static final int MAGNITUDE = 0x7fff_ffff;
    private static final long LOW = 0xffff_ffffL;

    /** Elements in a chunk: 8 KiB of random bits and 4 KiB of codes. A multiple of every vector length. */
    private static final int CHUNK = 1024;

    private StochasticLoop() {}

    static void encode(
            FloatFormat format,
            Rounding.Stochastic rounding,
            boolean saturate,
            MemorySegment floats,
            long from,
            MemorySegment codes,
            long to,
            long count,
            long firstElement) {
        long[] evenBits = new long[CHUNK / 2];
        long[] oddBits = new long[CHUNK / 2];
        int[] rounded = new int[CHUNK];
        int codeBytes = format.bits() <= 8 ? 1 : 2;
        for (long first = 0; first < count; first += CHUNK) {
            int chunk = (int) Math.min(CHUNK, count - first);
            long state = rounding.stateAt(firstElement + first);
            draw(evenBits, chunk / 2, state);
            draw(oddBits, chunk / 2, state + Rounding.Stochastic.GAMMA);
            round(format, floats, from + 4 * first, evenBits, oddBits, rounded, chunk);
            finish(format, saturate, floats, from + 4 * first, rounded, codes, to + codeBytes * first, chunk);
        }
    }

    /** The random bits of every other element from a state on. */
    private static void draw(long[] bits, int count, long state) {
        for (int i = 0; i < count; i++) {
            bits[i] = Rounding.Stochastic.mix(state + 2L * i * Rounding.Stochastic.GAMMA);
        }
    }

    /**
     * Positive codes of in-range values; the steps, and why 62, as in the scalar method. Two vectors of longs go with
     * one of floats: a long lane covers an even and an odd int lane, so one serves the even elements and the other the
     * odd ones, and no lane need ever move.
     */
    private static void round(
            FloatFormat format,
            MemorySegment floats,
            long from,
            long[] evenBits,
            long[] oddBits,
            int[] rounded,
            int count) {
        int leastField = format.emin() + 127;
        int mantissaBits = format.mantissaBits();
        for (int i = 0; i < count; i += LENGTH) {
            IntVector magnitude =
                    loadFloats(floats, from + 4L * i).reinterpretAsInts().and(MAGNITUDE);
            IntVector field = magnitude.lanewise(VectorOperators.LSHR, 23).max(1);
            IntVector significand = magnitude.sub(field.sub(1).lanewise(VectorOperators.LSHL, 23));
            IntVector exponent = field.max(leastField).sub(leastField);
            IntVector shift = exponent.add(leastField + 23 - mantissaBits).sub(field);
            LongVector kept = significand
                    .lanewise(VectorOperators.LSHR, shift.sub(62).max(0).min(31))
                    .reinterpretAsLongs();
            LongVector cut = shift.min(62).reinterpretAsLongs();
            LongVector even = add(kept.and(LOW), cut.and(LOW), LongVector.fromArray(LONGS, evenBits, i / 2));
            LongVector odd = add(
                    kept.lanewise(VectorOperators.LSHR, 32),
                    cut.lanewise(VectorOperators.LSHR, 32),
                    LongVector.fromArray(LONGS, oddBits, i / 2));
            even.or(odd.lanewise(VectorOperators.LSHL, 32))
                    .reinterpretAsInts()
                    .add(exponent.lanewise(VectorOperators.LSHL, mantissaBits))
                    .intoArray(rounded, i);
        }
    }

    private static LongVector add(LongVector significand, LongVector cut, LongVector random) {
        // A shift by the negated count is one by 64 less the count: shifts take their counts modulo 64.
        return significand.add(random.lanewise(VectorOperators.LSHR, cut.neg())).lanewise(VectorOperators.LSHR, cut);
    }

    /** Puts in the codes of values out of range, and the signs. */
    private static void finish(
            FloatFormat format,
            boolean saturate,
            MemorySegment floats,
            long from,
            int[] rounded,
            MemorySegment codes,
            long to,
            int count) {
        int beyond = saturate ? format.maxCode() : format.overflowCode(false);
        int nan = format.nanCode(false);
        int maxBits = Float.floatToRawIntBits(format.max());
        int bitsPerCode = format.bits();
        int signBit = format.signBit();
        int unsignable = format.hasNegativeZero() ? -1 : 0;
        for (int i = 0; i < count; i += LENGTH) {
            IntVector bits = loadFloats(floats, from + 4L * i).reinterpretAsInts();
            IntVector magnitude = bits.and(MAGNITUDE);
            IntVector code = IntVector.fromArray(CODES, rounded, i)
                    .blend(beyond, magnitude.compare(VectorOperators.GT, maxBits))
                    .blend(nan, magnitude.compare(VectorOperators.GT, FLOAT_INFINITY));
            IntVector sign =
                    bits.lanewise(VectorOperators.LSHR, 32 - bitsPerCode).and(signBit);
            code = code.blend(code.or(sign), code.compare(VectorOperators.NE, unsignable));
            if (bitsPerCode <= 8) {
                CodeLanes.storeBytes(code, codes, to + i);
            } else {
                CodeLanes.storeShorts(code, codes, to + 2L * i);
            }
        }
    }
}
