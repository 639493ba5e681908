package dev.gust.runtime.vision;

import dev.gust.kernels.vision.VisionCode;
import dev.gust.runtime.featuremap.MapLoops;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import java.util.Optional;

/** A thread's room for a block of one head's tokens, and how rows and features get there. Rows are padded to whole vectors. */
final class TokenBlock {
    /** Tokens of a block; a multiple of {@link VisionLoops#ROWS}. */
    static final int TOKENS = 64;

    private final VisionAttention attention;
    private final int tokens;
    private final int heads;
    private final int width;
    private final int count;
    final int stride;
    final int featureStride;
    final float[] rows;
    final float[] features;
    final float[] turned;
    final float[] values;

    TokenBlock(VisionAttention attention) {
        this.attention = attention;
        VisionShape shape = attention.shape();
        this.tokens = shape.tokens();
        this.heads = shape.heads();
        this.width = shape.width();
        this.count = attention.rule().features(shape);
        this.stride = padded(width);
        this.featureStride = padded(count);
        this.rows = new float[TOKENS * stride];
        this.features = new float[TOKENS * featureStride];
        this.turned = attention.positions() ? new float[TOKENS * featureStride] : features;
        this.values = new float[TOKENS * stride];
    }

    /** Whole vectors, and whole blocks of rows where a row becomes a column. */
    static int padded(int length) {
        int unit = Math.max(VisionLoops.LANES, VisionLoops.ROWS);
        return Math.ceilDiv(length, unit) * unit;
    }

    /** Tokens from {@code first} on that a block takes. */
    int count(int first) {
        return Math.min(TOKENS, tokens - first);
    }

    /** Fetches a head's rows of a tensor [B, N, H, D]. */
    void fetch(MemorySegment x, long head, int first, float[] to) {
        for (int t = 0; t < count(first); t++) {
            MemorySegment.copy(
                    x,
                    ValueLayout.JAVA_FLOAT_UNALIGNED,
                    row(head, first + t) * width * Float.BYTES,
                    to,
                    t * stride,
                    width);
        }
    }

    /** Stores a head's rows of a tensor [B, N, H, D]. */
    void store(float[] from, long head, int first, MemorySegment x) {
        for (int t = 0; t < count(first); t++) {
            MemorySegment.copy(
                    from,
                    t * stride,
                    x,
                    ValueLayout.JAVA_FLOAT_UNALIGNED,
                    row(head, first + t) * width * Float.BYTES,
                    width);
        }
    }

    /** A number of a token of a head, from a tensor [B, N, H]. */
    float weight(MemorySegment weights, long head, int token) {
        return weights.get(ValueLayout.JAVA_FLOAT_UNALIGNED, row(head, token) * Float.BYTES);
    }

    private long row(long head, int token) {
        long batch = head / heads;
        return (batch * tokens + token) * heads + head % heads;
    }

    /** Features of the rows that were fetched. */
    void makeFeatures(int code, int first) {
        int present = count(first);
        int length = present * stride;
        switch (code) {
            case VisionCode.IDENTITY -> System.arraycopy(rows, 0, features, 0, length);
            case VisionCode.ELU1 -> MapLoops.elu1(rows, length, features);
            case VisionCode.RELU -> MapLoops.relu(rows, length, features);
            case VisionCode.RELU_ABOVE_ZERO -> VisionLoops.reluAboveZero(rows, length, features);
            case VisionCode.SIGNED_CUBE -> {
                for (int t = 0; t < present; t++) {
                    VisionLoops.signedCube(rows, t * stride, width, features, t * featureStride);
                }
            }
            case VisionCode.NORM_POWER -> {
                for (int t = 0; t < present; t++) {
                    double norm = Math.sqrt(VisionLoops.product(rows, t * stride, rows, t * stride, stride));
                    float scale = norm == 0 ? 0 : (float) (1 / norm);
                    float power = (float) (3 * (0.5 + Math.tanh(norm)));
                    VisionLoops.normPower(rows, t * stride, width, scale, power, features, t * featureStride);
                }
            }
            default -> throw new IllegalStateException("no features " + code);
        }
        clearPadding(present);
    }

    /** What a feature of nothing is, such as elu(0) + 1, is not to count. */
    private void clearPadding(int present) {
        if (count < featureStride) {
            for (int t = 0; t < present; t++) {
                Arrays.fill(features, t * featureStride + count, (t + 1) * featureStride, 0);
            }
        }
    }

    /** Turns features by the angles of their tokens. */
    void turn(Optional<Angles> angles, int first) {
        angles.ifPresent(a -> {
            for (int t = 0; t < count(first); t++) {
                int at = (first + t) * width;
                for (int from = 0; from < count; from += width) {
                    a.turn(features, t * featureStride + from, at, turned);
                }
            }
        });
    }

    /**
     * Cosines and sines as arrays.
     *
     * @param cos [N, D]
     * @param sin [N, D]
     */
    record Angles(int width, float[] cos, float[] sin) {
        static Angles of(VisionInputs.Positions positions, int width) {
            return new Angles(
                    width,
                    positions.cos().toArray(ValueLayout.JAVA_FLOAT_UNALIGNED),
                    positions.sin().toArray(ValueLayout.JAVA_FLOAT_UNALIGNED));
        }

        void turn(float[] x, int from, int at, float[] y) {
            for (int i = 0; i < width; i += 2) {
                float a = x[from + i];
                float b = x[from + i + 1];
                y[from + i] = a * cos[at + i] - b * sin[at + i];
                y[from + i + 1] = b * cos[at + i + 1] + a * sin[at + i + 1];
            }
        }
    }

    VisionAttention attention() {
        return attention;
    }
}
