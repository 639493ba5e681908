package dev.gust.formats.scheme;

import dev.gust.formats.tensor.DType;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.List;

/**
 * The schemes written from their definitions, one element at a time, in float64: tables of values instead of bit
 * patterns, divisions instead of shifts. The one float32 operation that the definitions name, the quotient weight /
 * scale, is the float64 quotient rounded once more, which gives the same number (53 ≥ 2 · 24 + 2 bits).
 */
final class ReferenceScheme {
    /** Values of the positive codes, in order. */
    static final double[] E4M3 = values(4, 3, 7, 127);

    static final double[] E5M2 = values(5, 2, 15, 124);
    static final double[] E2M3 = values(2, 3, 1, 32);
    static final double[] E3M2 = values(3, 2, 3, 32);
    static final double[] E2M1 = {0, 0.5, 1, 1.5, 2, 3, 4, 6};

    /** No table: the integers themselves. */
    private static final double[] INTEGERS = {};

    private final Scheme scheme;
    private final ScaleRule rule;
    private final DType scaleDtype;

    ReferenceScheme(Scheme scheme, ScaleRule rule, DType scaleDtype) {
        this.scheme = scheme;
        this.rule = rule;
        this.scaleDtype = scaleDtype;
    }

    /** The stored bytes of a weight [rows, columns], and the values that they stand for. */
    static final class Result {
        private final List<byte[]> parts;
        private final float[] restored;

        Result(List<byte[]> parts, float[] restored) {
            this.parts = parts;
            this.restored = restored;
        }

        List<byte[]> parts() {
            return parts;
        }

        float[] restored() {
            return restored;
        }
    }

    Result quantize(float[] weight, int rows, int columns) {
        return switch (scheme) {
            case FP8 -> plain(weight, rows, columns, 1, columns, E4M3, 448);
            case FP8_E5M2 -> plain(weight, rows, columns, 1, columns, E5M2, 57344);
            case FP8_TENSOR -> plain(weight, rows, columns, rows, columns, E4M3, 448);
            case FP8_BLOCK -> plain(weight, rows, columns, 128, 128, E4M3, 448);
            case INT8 -> plain(weight, rows, columns, 1, columns, INTEGERS, 127.5);
            case INT4 -> int4(weight, rows, columns);
            case MXFP8 -> mx(weight, E4M3, 8);
            case MXFP6_E2M3 -> mx(weight, E2M3, 6);
            case MXFP6_E3M2 -> mx(weight, E3M2, 6);
            case MXFP4 -> mx(weight, E2M1, 4);
            case NVFP4 -> nvfp4(weight);
        };
    }

    private static double[] values(int exponentBits, int mantissaBits, int bias, int codes) {
        double[] values = new double[codes];
        for (int code = 0; code < codes; code++) {
            int exponent = code >> mantissaBits;
            double fraction = (code & ((1 << mantissaBits) - 1)) / (double) (1 << mantissaBits);
            values[code] = exponent == 0 ? Math.scalb(fraction, 1 - bias) : Math.scalb(1 + fraction, exponent - bias);
        }
        if (values[codes - 1] > Math.scalb(2.0, (1 << exponentBits) - bias)) {
            throw new AssertionError("more codes than the format has");
        }
        return values;
    }

    /** The code of the nearest value, the even code on a tie, the last one beyond it; with the sign above. */
    static int nearest(double[] values, double x) {
        double magnitude = Math.abs(x);
        int best = 0;
        for (int code = 1; code < values.length; code++) {
            double closer = Math.abs(values[best] - magnitude) - Math.abs(values[code] - magnitude);
            if (closer > 0 || (closer == 0 && code % 2 == 0)) {
                best = code;
            }
        }
        boolean negative = x < 0 || (x == 0 && 1 / x < 0);
        return best | (negative ? signBit(values) : 0);
    }

    private static int signBit(double[] values) {
        return Integer.highestOneBit(values.length - 1) << 1;
    }

    static double value(double[] values, int code) {
        int sign = signBit(values);
        double magnitude = values[code & (sign - 1)];
        return (code & sign) == 0 ? magnitude : -magnitude;
    }

    private Result plain(
            float[] weight, int rows, int columns, int tileRows, int tileColumns, double[] values, double range) {
        byte[] codes = new byte[weight.length];
        float[] restored = new float[weight.length];
        var scales = new ArrayList<Double>();
        for (int r0 = 0; r0 < rows; r0 += tileRows) {
            for (int c0 = 0; c0 < columns; c0 += tileColumns) {
                double amax = 0;
                for (int r = r0; r < Math.min(rows, r0 + tileRows); r++) {
                    for (int c = c0; c < Math.min(columns, c0 + tileColumns); c++) {
                        amax = Math.max(amax, Math.abs(weight[r * columns + c]));
                    }
                }
                double scale = scale(amax, range, values.length == 0 ? 128 : range);
                scales.add(scale);
                for (int r = r0; r < Math.min(rows, r0 + tileRows); r++) {
                    for (int c = c0; c < Math.min(columns, c0 + tileColumns); c++) {
                        int i = r * columns + c;
                        float quotient = (float) (weight[i] / scale);
                        if (values.length == 0) {
                            codes[i] = (byte) Math.max(-128, Math.min(127, Math.rint(quotient)));
                            restored[i] = (float) (codes[i] * scale);
                        } else {
                            codes[i] = (byte) nearest(values, quotient);
                            restored[i] = (float) (value(values, codes[i] & 0xFF) * scale);
                        }
                    }
                }
            }
        }
        return new Result(List.of(codes, bytes(scales)), restored);
    }

    private Result int4(float[] weight, int rows, int columns) {
        int[] words = new int[weight.length / 8];
        float[] restored = new float[weight.length];
        var scales = new ArrayList<Double>();
        for (int g = 0; g < weight.length; g += 128) {
            double scale = scale(amax(weight, g, 128), 7.5, 8);
            scales.add(scale);
            for (int i = g; i < g + 128; i++) {
                int q = (int) Math.max(-8, Math.min(7, Math.rint((float) (weight[i] / scale))));
                words[i / 8] += (q + 8) << (i % 8 * 4);
                restored[i] = (float) (q * scale);
            }
        }
        var packed = ByteBuffer.allocate(words.length * 4).order(ByteOrder.LITTLE_ENDIAN);
        for (int word : words) {
            packed.putInt(word);
        }
        var shape = ByteBuffer.allocate(16).order(ByteOrder.LITTLE_ENDIAN);
        shape.putLong(rows).putLong(columns);
        return new Result(List.of(packed.array(), bytes(scales), shape.array()), restored);
    }

    private Result mx(float[] weight, double[] values, int bits) {
        int[] codes = new int[weight.length];
        byte[] scales = new byte[weight.length / 32];
        float[] restored = new float[weight.length];
        for (int b = 0; b < weight.length; b += 32) {
            int exponent = exponent(weight, b, values);
            scales[b / 32] = (byte) (exponent + 127);
            for (int i = b; i < b + 32; i++) {
                codes[i] = nearest(values, Math.scalb((double) weight[i], -exponent));
                restored[i] = (float) Math.scalb(value(values, codes[i]), exponent);
            }
        }
        return new Result(List.of(pack(codes, bits), scales), restored);
    }

    /** The scale's exponent by the rule, between −127 and 127 − emax. */
    int exponent(float[] weight, int first, double[] values) {
        double max = values[values.length - 1];
        int emax = Math.getExponent(max);
        double amax = amax(weight, first, 32);
        if (amax == 0) {
            return -127;
        }
        int floor = Math.getExponent(amax);
        int exponent = switch (rule) {
            case FLOOR, MSE -> floor - emax;
            case EVEN -> {
                double unit = Math.scalb(1.0, floor - evenMantissaBits(max));
                yield Math.getExponent(Math.floor(amax / unit + 0.5) * unit) - emax;
            }
            case CEIL -> floor - emax + (amax > Math.scalb(1.0, floor) ? 1 : 0);
            case RCEIL -> {
                int e = floor - emax - 2;
                while (Math.scalb(max, e) < amax) {
                    e++;
                }
                yield e;
            }
        };
        if (rule != ScaleRule.MSE) {
            return clamp(exponent, emax);
        }
        int best = clamp(exponent, emax);
        for (int candidate : new int[] {clamp(exponent, emax) + 1, clamp(exponent, emax) - 1}) {
            if (error(weight, first, values, clamp(candidate, emax)) < error(weight, first, values, best)) {
                best = clamp(candidate, emax);
            }
        }
        return best;
    }

    /** Significand bits that EVEN rounds to: of E4M3 those of FP4, after compressed-tensors. */
    private static int evenMantissaBits(double max) {
        return max == 7.5 ? 3 : max == 28 ? 2 : 1;
    }

    private static int clamp(int exponent, int emax) {
        return Math.max(-127, Math.min(127 - emax, exponent));
    }

    static double error(float[] weight, int first, double[] values, int exponent) {
        double error = 0;
        for (int i = first; i < first + 32; i++) {
            double scaled = Math.scalb((double) weight[i], -exponent);
            double difference = scaled - value(values, nearest(values, scaled));
            error += Math.scalb(difference * difference, 2 * exponent);
        }
        return error;
    }

    private static Result nvfp4(float[] weight) {
        double tensorAmax = amax(weight, 0, weight.length);
        float global = tensorAmax == 0 ? 1 : (float) Math.min(0x1p116, (float) (448 * 6 / tensorAmax));
        while (tensorAmax > 0x1p127 && Float.isInfinite((float) (6 * (double) (float) (448.0 / global)))) {
            global = Math.nextUp(global);
        }
        int[] codes = new int[weight.length];
        byte[] scales = new byte[weight.length / 16];
        float[] restored = new float[weight.length];
        for (int b = 0; b < weight.length; b += 16) {
            double amax = amax(weight, b, 16);
            float wanted = (float) ((double) (float) (amax / 6) * global);
            int code = amax == 0 ? nearest(E4M3, 0.125) : Math.max(1, nearest(E4M3, wanted));
            scales[b / 16] = (byte) code;
            float scale = (float) (E4M3[code] / global);
            for (int i = b; i < b + 16; i++) {
                codes[i] = nearest(E2M1, (float) ((double) weight[i] / scale));
                restored[i] = (float) (value(E2M1, codes[i]) * scale);
            }
        }
        var stored = ByteBuffer.allocate(4).order(ByteOrder.LITTLE_ENDIAN).putFloat(global);
        return new Result(List.of(pack(codes, 4), scales, stored.array()), restored);
    }

    static double amax(float[] weight, int first, int count) {
        double amax = 0;
        for (int i = first; i < first + count; i++) {
            amax = Math.max(amax, Math.abs(weight[i]));
        }
        return amax;
    }

    /** amax / range in float32, rounded to the type of scales, kept between its least and its greatest use. */
    double scale(double amax, double range, double largestCode) {
        if (amax == 0) {
            return 1;
        }
        float quotient = (float) (amax / range);
        double least;
        double scale;
        int mantissaBits;
        switch (scaleDtype) {
            case F32 -> {
                mantissaBits = 23;
                least = 0x1p-126;
            }
            case BF16 -> {
                mantissaBits = 7;
                least = 0x1p-126;
            }
            default -> {
                mantissaBits = 10;
                least = 0x1p-24;
            }
        }
        int floor = Math.getExponent((double) quotient);
        double unit = Math.scalb(1.0, Math.max(floor, scaleDtype == DType.F16 ? -14 : -126) - mantissaBits);
        scale = Math.max(least, Math.rint(quotient / unit) * unit);
        while (Float.isInfinite((float) (scale * largestCode))) {
            // The next value below: closer by where the exponent changes.
            scale -= Math.scalb(1.0, Math.getExponent(Math.nextDown(scale)) - mantissaBits);
        }
        return scale;
    }

    private byte[] bytes(List<Double> scales) {
        var bytes = ByteBuffer.allocate(scales.size() * (scaleDtype == DType.F32 ? 4 : 2))
                .order(ByteOrder.LITTLE_ENDIAN);
        for (double scale : scales) {
            switch (scaleDtype) {
                case F32 -> bytes.putFloat((float) scale);
                case BF16 -> bytes.putShort((short) (Float.floatToIntBits((float) scale) >> 16));
                default -> bytes.putShort(Float.floatToFloat16((float) scale));
            }
        }
        return bytes.array();
    }

    /** Codes one after another, each from its lowest bit, filling bytes from their lowest bit. */
    static byte[] pack(int[] codes, int bits) {
        byte[] packed = new byte[codes.length * bits / 8];
        for (int i = 0; i < codes.length; i++) {
            for (int bit = 0; bit < bits; bit++) {
                int position = i * bits + bit;
                packed[position / 8] |= (byte) ((codes[i] >> bit & 1) << (position % 8));
            }
        }
        return packed;
    }
}
