package dev.gust.formats.scheme;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;

/** Seeded weights, and their way through a quantizer. */
final class Weights {
    private Weights() {}

    enum Kind {
        GAUSSIAN,
        LAPLACE,
        STUDENT_T3,
        CONSTANT,
        ZERO,
        NEGATIVE_ZERO,
        /** Mostly zeros, with values of very different size. */
        SPIKY,
        /** Few mantissa bits, so that many quotients are ties. */
        TIES,
        /** Around the least float32 values. */
        SUBNORMAL,
        /** Largest magnitudes around 2^-140, below every scale's least value. */
        TINY,
        /** Up to float32's greatest value. */
        HUGE,
        /** All of these, block by block. */
        MIXED
    }

    static float[] of(Kind kind, int count, long seed) {
        var random = new Random(seed);
        float[] weights = new float[count];
        Kind[] kinds = Kind.values();
        for (int i = 0; i < count; i++) {
            Kind of = kind == Kind.MIXED ? kinds[(i / 16 + (int) seed) % (kinds.length - 1)] : kind;
            weights[i] = one(of, random);
        }
        return weights;
    }

    private static float one(Kind kind, Random random) {
        double gaussian = random.nextGaussian();
        return switch (kind) {
            case GAUSSIAN -> (float) gaussian;
            case LAPLACE -> (float) (Math.signum(gaussian) * -Math.log(1 - random.nextDouble()));
            case STUDENT_T3 -> {
                double chi = 0;
                for (int i = 0; i < 3; i++) {
                    double g = random.nextGaussian();
                    chi += g * g;
                }
                yield (float) (gaussian / Math.sqrt(chi / 3));
            }
            case CONSTANT -> -0.7f;
            case ZERO -> 0f;
            case NEGATIVE_ZERO -> -0f;
            case SPIKY -> random.nextInt(10) > 0 ? 0 : (float) (gaussian * Math.scalb(1.0, random.nextInt(30) - 20));
            case TIES -> (random.nextInt(257) - 128) / 32f;
            case SUBNORMAL -> Float.intBitsToFloat(random.nextInt(0x0100_0000) | (random.nextBoolean() ? 1 << 31 : 0));
            case TINY -> (float) (gaussian * 0x1p-141);
            case HUGE ->
                random.nextInt(4) == 0
                        ? (random.nextBoolean() ? Float.MAX_VALUE : -Float.MAX_VALUE)
                        : (float) (gaussian * 0x1p125);
            case MIXED -> throw new AssertionError();
        };
    }

    static MemorySegment segment(Arena arena, float[] values) {
        // One float further on than the allocation: mapped tensors are not aligned to vectors.
        MemorySegment segment =
                arena.allocate((values.length + 1L) * Float.BYTES, 64).asSlice(Float.BYTES);
        MemorySegment.copy(values, 0, segment, ValueLayout.JAVA_FLOAT_UNALIGNED, 0, values.length);
        return segment;
    }

    static float amax(float[] weights) {
        float amax = 0;
        for (float w : weights) {
            amax = Math.max(amax, Math.abs(w));
        }
        return amax;
    }

    /** Fresh segments, full of ones, for parts of a shape. */
    static List<MemorySegment> allocate(Arena arena, List<Part> parts) {
        var segments = new ArrayList<MemorySegment>();
        for (Part part : parts) {
            segments.add(arena.allocate(part.byteSize()).fill((byte) -1));
        }
        return segments;
    }

    static List<byte[]> bytes(List<MemorySegment> segments) {
        return segments.stream().map(s -> s.toArray(ValueLayout.JAVA_BYTE)).toList();
    }
}
