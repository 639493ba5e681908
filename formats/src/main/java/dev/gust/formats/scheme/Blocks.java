package dev.gust.formats.scheme;

import static dev.gust.formats.codec.CodeLanes.CODES;
import static dev.gust.formats.codec.CodeLanes.FLOATS;
import static dev.gust.formats.codec.CodeLanes.LENGTH;
import static dev.gust.formats.codec.CodeLanes.loadFloats;
import static dev.gust.formats.codec.CodeLanes.storeFloats;

import java.lang.foreign.MemorySegment;
import java.nio.ByteOrder;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorMask;
import jdk.incubator.vector.VectorOperators;

/**
 * The float32 side of quantization: largest magnitudes, and scaling by one factor per block. Runs and offsets as in
 * {@link dev.gust.formats.codec.TensorCodec}: offsets in bytes, counts in elements. Blocks are multiples of 16 elements,
 * so that they are whole vectors on every machine.
 */
final class Blocks {
    private static final int ABS = 0x7FFF_FFFF;

    private Blocks() {}

    /**
     * The bits of the largest magnitude of a run; 0 for an empty one. Bits and not the float: without their sign, floats
     * are ordered as integers are, and an integer maximum is one instruction where Java's float maximum is several.
     */
    static int amaxBits(MemorySegment floats, long offset, long count) {
        IntVector max = IntVector.zero(CODES);
        long end = offset + count * Float.BYTES;
        long at = offset;
        for (; at <= end - FLOATS.vectorByteSize(); at += FLOATS.vectorByteSize()) {
            max = max.max(loadFloats(floats, at).reinterpretAsInts().and(ABS));
        }
        if (at < end) {
            FloatVector tail =
                    FloatVector.fromMemorySegment(FLOATS, floats, at, ByteOrder.LITTLE_ENDIAN, mask(end - at));
            max = max.max(tail.reinterpretAsInts().and(ABS));
        }
        return max.reduceLanes(VectorOperators.MAX);
    }

    /** The bits of the largest magnitude of each of {@code blocks} blocks of {@code size} elements. */
    static void amaxBits(MemorySegment floats, long offset, int blocks, int size, int[] amaxBits) {
        long at = offset;
        for (int b = 0; b < blocks; b++) {
            IntVector max = IntVector.zero(CODES);
            for (int i = 0; i < size; i += LENGTH) {
                max = max.max(loadFloats(floats, at).reinterpretAsInts().and(ABS));
                at += FLOATS.vectorByteSize();
            }
            amaxBits[b] = max.reduceLanes(VectorOperators.MAX);
        }
    }

    /** Writes a run divided by {@code divisor} to the beginning of {@code quotients}. */
    static void divide(MemorySegment floats, long offset, long count, float divisor, MemorySegment quotients) {
        FloatVector divisors = FloatVector.broadcast(FLOATS, divisor);
        long bytes = count * Float.BYTES;
        long at = 0;
        for (; at <= bytes - FLOATS.vectorByteSize(); at += FLOATS.vectorByteSize()) {
            storeFloats(loadFloats(floats, offset + at).div(divisors), quotients, at);
        }
        if (at < bytes) {
            VectorMask<Float> tail = mask(bytes - at);
            FloatVector.fromMemorySegment(FLOATS, floats, offset + at, ByteOrder.LITTLE_ENDIAN, tail)
                    .div(divisors)
                    .intoMemorySegment(quotients, at, ByteOrder.LITTLE_ENDIAN, tail);
        }
    }

    /** Multiplies a run in place. */
    static void multiply(MemorySegment floats, long offset, long count, float factor) {
        FloatVector factors = FloatVector.broadcast(FLOATS, factor);
        long end = offset + count * Float.BYTES;
        long at = offset;
        for (; at <= end - FLOATS.vectorByteSize(); at += FLOATS.vectorByteSize()) {
            storeFloats(loadFloats(floats, at).mul(factors), floats, at);
        }
        if (at < end) {
            VectorMask<Float> tail = mask(end - at);
            FloatVector.fromMemorySegment(FLOATS, floats, at, ByteOrder.LITTLE_ENDIAN, tail)
                    .mul(factors)
                    .intoMemorySegment(floats, at, ByteOrder.LITTLE_ENDIAN, tail);
        }
    }

    /** Writes blocks, each divided by its divisor, to the beginning of {@code quotients}. */
    static void divide(
            MemorySegment floats, long offset, int blocks, int size, float[] divisors, MemorySegment quotients) {
        int elements = blocks * size;
        int shift = Integer.numberOfTrailingZeros(size);
        for (int i = 0; i < elements; i += LENGTH) {
            FloatVector divisor = FloatVector.broadcast(FLOATS, divisors[i >> shift]);
            storeFloats(loadFloats(floats, offset + 4L * i).div(divisor), quotients, 4L * i);
        }
    }

    /** Writes blocks, each multiplied by its factor, to another run, which may be the same one. */
    static void multiply(
            MemorySegment floats,
            long offset,
            int blocks,
            int size,
            float[] factors,
            MemorySegment products,
            long productsOffset) {
        int elements = blocks * size;
        int shift = Integer.numberOfTrailingZeros(size);
        for (int i = 0; i < elements; i += LENGTH) {
            FloatVector factor = FloatVector.broadcast(FLOATS, factors[i >> shift]);
            storeFloats(loadFloats(floats, offset + 4L * i).mul(factor), products, productsOffset + 4L * i);
        }
    }

    private static VectorMask<Float> mask(long bytes) {
        return FLOATS.indexInRange(0, bytes / Float.BYTES);
    }
}
