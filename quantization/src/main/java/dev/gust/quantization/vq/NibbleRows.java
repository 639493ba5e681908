package dev.gust.quantization.vq;

import dev.gust.formats.InputException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.Arrays;

/**
 * Rows as codes of 4 bits: value = scale · (code − 8), with a float16 scale for each 32 columns. Of amax/7, amax/7.5 and
 * amax/8, the scale is taken that leaves the least squared error; the first reaches both ends of the range, the others clip a
 * little and are finer.
 *
 * @param codes bytes [V, D'/2], D' = D rounded up to 32; the even column in the low nibble
 * @param scales float16 [V, D'/32]
 * @param error the sum of squared differences from the rows
 * @param errors each row's
 */
@SuppressWarnings("ArrayRecordComponent") // never compared
public record NibbleRows(MemorySegment codes, MemorySegment scales, double error, double[] errors) {
    /** Columns that share a scale. */
    public static final int BLOCK = 32;

    private static final float[] DIVISORS = {7, 7.5f, 8};
    private static final ValueLayout.OfShort F16 = ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

    /**
     * Quantizes.
     *
     * @param x finite rows
     * @throws InputException if a value is too large for a float16 scale
     */
    public static NibbleRows of(TrainingRun run, Vectors x) {
        int blocks = Math.ceilDiv(x.requireFinite().length(), BLOCK);
        Arena memory = run.memory();
        MemorySegment codes = memory.allocate(Math.max(1, (long) x.count() * blocks * BLOCK / 2), 64);
        MemorySegment scales = memory.allocate(Math.max(1, (long) x.count() * blocks * 2), 64);
        double[] errors = new double[x.count()];
        run.forRows(x.count(), 256, (first, end) -> {
            float[] row = new float[x.length()];
            float[] block = new float[BLOCK];
            for (long r = first; r < end; r++) {
                x.load(r, row);
                for (int b = 0; b < blocks; b++) {
                    int there = Math.min(BLOCK, row.length - b * BLOCK);
                    Arrays.fill(block, 0);
                    System.arraycopy(row, b * BLOCK, block, 0, there);
                    float scale = scale(block, r);
                    scales.set(F16, 2 * (r * blocks + b), Float.floatToFloat16(scale));
                    for (int i = 0; i < BLOCK; i += 2) {
                        int pair = (code(block[i], scale) + 8) | (code(block[i + 1], scale) + 8) << 4;
                        codes.set(ValueLayout.JAVA_BYTE, (r * blocks + b) * (BLOCK / 2) + i / 2, (byte) pair);
                    }
                    errors[(int) r] += error(block, scale);
                }
            }
        });
        double error = 0;
        for (double e : errors) {
            error += e;
        }
        return new NibbleRows(codes, scales, error, errors);
    }

    private static float scale(float[] block, long row) {
        float amax = 0;
        for (float value : block) {
            amax = Math.max(amax, Math.abs(value));
        }
        float best = 0;
        double least = Double.POSITIVE_INFINITY;
        for (float divisor : DIVISORS) {
            float scale = Float.float16ToFloat(Float.floatToFloat16(amax / divisor));
            if (Float.isInfinite(scale)) {
                throw InputException.of(
                        "row " + row, "holds " + amax + ", too large for a float16 scale", "scale the matrix down");
            }
            double error = error(block, scale);
            if (error < least) {
                least = error;
                best = scale;
            }
        }
        return best;
    }

    private static double error(float[] block, float scale) {
        double error = 0;
        for (float value : block) {
            double difference = value - (double) scale * code(value, scale);
            error += difference * difference;
        }
        return error;
    }

    private static int code(float value, float scale) {
        return scale == 0 ? 0 : Math.clamp((int) Math.rint(value / scale), -8, 7);
    }
}
