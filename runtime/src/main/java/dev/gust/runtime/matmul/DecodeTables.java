package dev.gust.runtime.matmul;

import dev.gust.formats.codec.E8M0;
import dev.gust.formats.codec.FloatFormat;
import dev.gust.formats.tensor.DType;
import dev.gust.kernels.matmul.Tables;
import dev.gust.runtime.weight.LinearWeight;
import dev.gust.runtime.weight.NarrowCode;
import dev.gust.runtime.weight.ScaleType;
import dev.gust.runtime.weight.WeightFormat;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;

/** Fills the tables by which kernels restore a weight; {@link Tables} says where what lies. */
final class DecodeTables {
    private DecodeTables() {}

    static FloatArray of(LinearWeight weight) {
        var tables = new FloatArray(Tables.LENGTH);
        tables.init(0);
        switch (weight.format()) {
            case WeightFormat.Plain _ -> {}
            case WeightFormat.Scaled scaled -> {
                codes(tables, scaled.code());
                if (scaled.scale() != ScaleType.F32) {
                    for (int c = 0; c < 256; c++) {
                        tables.set(Tables.SCALES + c, scaled.scale().value(c));
                    }
                }
            }
            case WeightFormat.Blocks(var dtype) -> {
                codes(tables, NarrowCode.F4);
                for (int c = 0; c < 256; c++) {
                    tables.set(Tables.SCALES + c, dtype == DType.NVFP4 ? unsignedE4M3(c) : E8M0.decode(c));
                }
            }
        }
        halves(tables, Tables.F16_FACTORS, Tables.F16_OFFSETS, 5, 10);
        halves(tables, Tables.BF16_FACTORS, Tables.BF16_OFFSETS, 8, 7);
        tables.set(Tables.FACTOR, weight.factor());
        return tables;
    }

    private static void codes(FloatArray tables, NarrowCode code) {
        for (int c = 0; c < code.codes(); c++) {
            tables.set(Tables.CODES + c, code.value(c));
        }
    }

    /** ggml reads the sign bit of a scale as nothing, and the code of NaN as 0 (0xFF, which it never writes, as 480). */
    private static float unsignedE4M3(int code) {
        return switch (code) {
            case 0x7F -> 0;
            case 0xFF -> 480;
            default -> FloatFormat.E4M3FN.decode(code & 0x7F);
        };
    }

    /** A number with sign, e and mantissa f is ±2^(e − bias) · (1 + f / 2^m), or ±2^(1 − bias) · f / 2^m where e is 0. */
    private static void halves(FloatArray tables, int factors, int offsets, int exponentBits, int mantissaBits) {
        int exponents = 1 << exponentBits;
        int bias = exponents / 2 - 1;
        for (int e = 0; e < exponents; e++) {
            double unit = Math.scalb(1.0, Math.max(e, 1) - bias);
            boolean infinite = e == exponents - 1;
            float factor = infinite ? 0 : (float) Math.scalb(unit, -mantissaBits);
            float offset = infinite ? Float.POSITIVE_INFINITY : e == 0 ? 0 : (float) unit;
            tables.set(factors + e, factor);
            tables.set(offsets + e, offset);
            tables.set(factors + exponents + e, -factor);
            tables.set(offsets + exponents + e, -offset);
        }
    }
}
