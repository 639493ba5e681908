package dev.gust.runtime.logits;

import dev.gust.formats.codec.Codecs;
import dev.gust.formats.tensor.DType;
import dev.gust.formats.vqhead.HeadMetadata;
import dev.gust.formats.vqhead.HeadMethod;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Optional;
import java.util.SplittableRandom;

/** Heads of random rows. Screens are crude: what is found by them is for the reference to say, not for quality. */
final class SampleHeads {
    private SampleHeads() {}

    /** Rows with some exact duplicates, and a bias where V is odd. */
    static VqHead of(HeadMethod method, int v, int d, long seed) {
        return of(method, DType.F32, v, d, seed);
    }

    static VqHead of(HeadMethod method, DType type, int v, int d, long seed) {
        var random = new SplittableRandom(seed);
        float[] w = gaussian(v * d, random);
        for (int i = 7; i < v; i += 7) {
            System.arraycopy(w, (i - 3) * d, w, i * d, d);
        }
        MemorySegment weight = Arena.ofAuto().allocate(type.byteSize((long) v * d), 64);
        Codecs.of(type).orElseThrow().encode(MemorySegment.ofArray(w), 0, weight, 0, (long) v * d);
        Optional<MemorySegment> bias = v % 2 == 1 ? Optional.of(floats(gaussian(v, random))) : Optional.empty();
        return new VqHead("sample", v, d, type, weight, bias, screen(method, v, d, w, random), HeadMetadata.of(method));
    }

    private static Screen screen(HeadMethod method, int v, int d, float[] w, SplittableRandom random) {
        return switch (method) {
            case DENSE -> new Screen.None();
            case KMEANS, SPHERICAL -> {
                // The last cluster and every fifth are empty.
                int k = Math.max(2, v / 6);
                int[] assignments = random.ints(v, 0, k - 1)
                        .map(c -> c % 5 == 4 ? c - 1 : c)
                        .toArray();
                yield new Screen.Clusters(
                        k, floats(gaussian(k * d, random)), ints(assignments), method == HeadMethod.SPHERICAL);
            }
            case PQ, RVQ -> {
                boolean residual = method == HeadMethod.RVQ;
                int s = residual ? 3 : Math.max(1, Math.ceilDiv(d, 3));
                int width = residual ? d : Math.ceilDiv(d, s);
                int c = v % 3 == 0 ? 256 : 100;
                byte[] codes = new byte[v * s];
                for (int i = 0; i < codes.length; i++) {
                    codes[i] = (byte) random.nextInt(c);
                }
                yield new Screen.Codes(
                        s, c, width, floats(gaussian(s * c * width, random)), MemorySegment.ofArray(codes), residual);
            }
            case INT4 -> int4(v, d, w);
            case LOWRANK -> {
                int r = Math.min(d, 5);
                yield new Screen.LowRank(r, floats(gaussian(v * r, random)), floats(gaussian(r * d, random)));
            }
        };
    }

    private static Screen.Int4 int4(int v, int d, float[] w) {
        int width = Math.ceilDiv(d, 32) * 32;
        byte[] codes = new byte[v * width / 2];
        float[] scales = new float[v * width / 32];
        for (int row = 0; row < v; row++) {
            for (int block = 0; block < width / 32; block++) {
                float most = 0;
                for (int i = 32 * block; i < Math.min(d, 32 * block + 32); i++) {
                    most = Math.max(most, Math.abs(w[row * d + i]));
                }
                float scale = Float.float16ToFloat(Float.floatToFloat16(most / 7));
                scales[row * width / 32 + block] = scale;
                for (int i = 32 * block; i < 32 * block + 32; i++) {
                    float value = i < d ? w[row * d + i] : 0;
                    int code = scale == 0 ? 8 : Math.clamp(Math.round(value / scale) + 8L, 0, 15);
                    codes[(row * width + i) / 2] |= (byte) (code << (4 * (i & 1)));
                }
            }
        }
        MemorySegment halves = Arena.ofAuto().allocate(2L * scales.length, 64);
        Codecs.of(DType.F16).orElseThrow().encode(MemorySegment.ofArray(scales), 0, halves, 0, scales.length);
        return new Screen.Int4(width, MemorySegment.ofArray(codes), halves);
    }

    static float[] gaussian(int count, SplittableRandom random) {
        float[] values = new float[count];
        for (int i = 0; i < count; i++) {
            values[i] = (float) random.nextGaussian();
        }
        return values;
    }

    static MemorySegment floats(float... values) {
        MemorySegment room = Arena.ofAuto().allocate(Math.max(4, 4L * values.length), 64);
        MemorySegment.copy(values, 0, room, ValueLayout.JAVA_FLOAT, 0, values.length);
        return room.asSlice(0, 4L * values.length);
    }

    static MemorySegment ints(int... values) {
        MemorySegment room = Arena.ofAuto().allocate(Math.max(4, 4L * values.length), 64);
        MemorySegment.copy(values, 0, room, ValueLayout.JAVA_INT, 0, values.length);
        return room.asSlice(0, 4L * values.length);
    }
}
