package dev.gust.benchmarks;

import dev.gust.formats.codec.Codecs;
import dev.gust.formats.tensor.DType;
import dev.gust.runtime.logits.Screen;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import java.util.SplittableRandom;
import java.util.stream.IntStream;

/**
 * Screens for measurements of speed: plain k-means on a sample of rows, a few rounds. {@code gust vqhead} makes better ones.
 */
final class SampleScreens {
    private static final int ENTRIES = 256;
    private static final int SAMPLE = 16_384;
    private static final int ROUNDS = 8;

    private SampleScreens() {}

    /** Product quantization with so many codes to a row. */
    static Screen.Codes pq(float[] w, int v, int d, int parts) {
        int width = Math.ceilDiv(d, parts);
        float[] codebooks = new float[parts * ENTRIES * width];
        byte[] codes = new byte[Math.multiplyExact(v, parts)];
        IntStream.range(0, parts).parallel().forEach(part -> {
            float[] codebook = codebook(w, v, d, part * width, width);
            System.arraycopy(codebook, 0, codebooks, part * ENTRIES * width, codebook.length);
            var nearest = new Nearest(codebook, width);
            float[] x = new float[width];
            for (int row = 0; row < v; row++) {
                cut(w, row, d, part * width, x);
                codes[row * parts + part] = (byte) nearest.of(x);
            }
        });
        return new Screen.Codes(parts, ENTRIES, width, segment(codebooks), segment(codes), false);
    }

    /** Codes of nothing: for how fast they are read. */
    static Screen.Codes anyCodes(int v, int d, int parts) {
        var random = new SplittableRandom(parts);
        int width = Math.ceilDiv(d, parts);
        float[] codebooks = new float[parts * ENTRIES * width];
        for (int i = 0; i < codebooks.length; i++) {
            codebooks[i] = random.nextInt(-1000, 1001) / 1000f;
        }
        byte[] codes = new byte[Math.multiplyExact(v, parts)];
        random.nextBytes(codes);
        return new Screen.Codes(parts, ENTRIES, width, segment(codebooks), segment(codes), false);
    }

    private static float[] codebook(float[] w, int v, int d, int from, int width) {
        var random = new SplittableRandom(from);
        int[] sample = sample(w, v, d, random);
        float[] entries = new float[ENTRIES * width];
        float[] x = new float[width];
        for (int c = 0; c < ENTRIES; c++) {
            cut(w, sample[random.nextInt(sample.length)], d, from, x);
            System.arraycopy(x, 0, entries, c * width, width);
        }
        for (int round = 0; round < ROUNDS; round++) {
            var nearest = new Nearest(entries, width);
            float[] sums = new float[entries.length];
            int[] counts = new int[ENTRIES];
            for (int row : sample) {
                cut(w, row, d, from, x);
                int c = nearest.of(x);
                counts[c]++;
                for (int i = 0; i < width; i++) {
                    sums[c * width + i] += x[i];
                }
            }
            for (int c = 0; c < ENTRIES; c++) {
                for (int i = 0; i < width && counts[c] > 0; i++) {
                    entries[c * width + i] = sums[c * width + i] / counts[c];
                }
            }
        }
        return entries;
    }

    /** Rows by the square of their length: long ones are rare, and have the high logits. */
    private static int[] sample(float[] w, int v, int d, SplittableRandom random) {
        double[] sums = new double[v];
        double sum = 0;
        for (int row = 0; row < v; row++) {
            for (int i = row * d; i < (row + 1) * d; i++) {
                sum += w[i] * w[i];
            }
            sums[row] = sum;
        }
        int[] rows = new int[Math.min(v, SAMPLE)];
        for (int i = 0; i < rows.length; i++) {
            int at = Arrays.binarySearch(sums, random.nextDouble() * sum);
            rows[i] = Math.min(v - 1, at < 0 ? -at - 1 : at);
        }
        return rows;
    }

    private static void cut(float[] w, int row, int d, int from, float[] x) {
        int count = Math.clamp(d - from, 0, x.length);
        System.arraycopy(w, row * d + Math.min(from, d - count), x, 0, count);
        Arrays.fill(x, count, x.length, 0);
    }

    /** Finds the nearest entry: entries lie side by side, so that the compiler makes vectors of the loops. */
    private static final class Nearest {
        private final float[] columns;
        private final float[] distances = new float[ENTRIES];

        Nearest(float[] entries, int width) {
            columns = new float[entries.length];
            for (int c = 0; c < ENTRIES; c++) {
                for (int i = 0; i < width; i++) {
                    columns[i * ENTRIES + c] = entries[c * width + i];
                }
            }
        }

        int of(float[] x) {
            Arrays.fill(distances, 0);
            for (int i = 0; i < x.length; i++) {
                float at = x[i];
                int from = i * ENTRIES;
                for (int c = 0; c < ENTRIES; c++) {
                    float difference = columns[from + c] - at;
                    distances[c] += difference * difference;
                }
            }
            int best = 0;
            for (int c = 1; c < ENTRIES; c++) {
                best = distances[c] < distances[best] ? c : best;
            }
            return best;
        }
    }

    /** Codes of 4 bits, scaled by the largest of 32. */
    static Screen.Int4 int4(float[] w, int v, int d) {
        int block = Screen.Int4.BLOCK;
        int width = Math.ceilDiv(d, block) * block;
        byte[] codes = new byte[Math.multiplyExact(v, width / 2)];
        float[] scales = new float[v * (width / block)];
        IntStream.range(0, v).parallel().forEach(row -> {
            for (int b = 0; b < width / block; b++) {
                float most = 0;
                for (int i = b * block; i < Math.min(d, (b + 1) * block); i++) {
                    most = Math.max(most, Math.abs(w[row * d + i]));
                }
                float scale = Float.float16ToFloat(Float.floatToFloat16(most / 7));
                scales[row * (width / block) + b] = scale;
                for (int i = b * block; i < (b + 1) * block; i++) {
                    float value = i < d && scale > 0 ? w[row * d + i] / scale : 0;
                    int code = Math.clamp(Math.round(value) + 8L, 0, 15);
                    codes[(row * width + i) / 2] |= (byte) (code << 4 * (i & 1));
                }
            }
        });
        MemorySegment halves = Arena.ofAuto().allocate(2L * scales.length, 64);
        Codecs.of(DType.F16).orElseThrow().encode(MemorySegment.ofArray(scales), 0, halves, 0, scales.length);
        return new Screen.Int4(width, segment(codes), halves);
    }

    /** Clusters around so many of the rows, scaled to length 1: random ones, as this is about speed. */
    static Screen.Clusters clusters(float[] w, int v, int d, int k) {
        var random = new SplittableRandom(k);
        float[] centroids = new float[k * d];
        for (int c = 0; c < k; c++) {
            int row = random.nextInt(v);
            double norm = 0;
            for (int i = 0; i < d; i++) {
                norm += w[row * d + i] * w[row * d + i];
            }
            for (int i = 0; i < d; i++) {
                centroids[c * d + i] = (float) (w[row * d + i] / Math.sqrt(norm + 1e-30));
            }
        }
        int[] assignments = new int[v];
        Arrays.setAll(assignments, i -> (int) ((long) i * k / v));
        MemorySegment clusters = Arena.ofAuto().allocate(4L * v, 64);
        MemorySegment.copy(assignments, 0, clusters, ValueLayout.JAVA_INT, 0, v);
        return new Screen.Clusters(k, segment(centroids), clusters, true);
    }

    /** A copy outside of the heap. */
    static MemorySegment segment(float[] values) {
        MemorySegment copy = Arena.ofAuto().allocate(4L * values.length, 64);
        MemorySegment.copy(values, 0, copy, ValueLayout.JAVA_FLOAT, 0, values.length);
        return copy;
    }

    private static MemorySegment segment(byte[] values) {
        MemorySegment copy = Arena.ofAuto().allocate(values.length, 64);
        MemorySegment.copy(values, 0, copy, ValueLayout.JAVA_BYTE, 0, values.length);
        return copy;
    }
}
