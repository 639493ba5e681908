package dev.gust.lint;

import static dev.gust.lint.RuleCase.statements;
import static dev.gust.lint.RuleCase.value;

import java.util.List;
import java.util.Map;

/** Operators, conversions and calls. */
final class ValueCases {
    private ValueCases() {}

    static List<RuleCase> all() {
        return List.of(
                value(Rule.UNSIGNED_SHIFT, "int", "x >>> 4", "(x >> 4) & 0x0fffffff"),
                value(Rule.UNSIGNED_SHIFT, "long", "longs.get(0) >>> n", "(x & 0xffffffffL) >> n"),
                statements(Rule.UNSIGNED_SHIFT, """
                        int bits = x;
                        bits >>>= 3; // refused
                        ints.set(0, bits);""", """
                        int bits = x;
                        bits = (bits >> 3) & 0x1fffffff;
                        ints.set(0, bits);"""),
                value(Rule.ZERO_POINT, "float", "(float) (((x & 0xff) >> 4) - 8)", "(float) ((x & 0xff) >> 4) - 8.0f"),
                value(Rule.ZERO_POINT, "long", "(bytes.get(x) & 0xff) - 128", "(long) (bytes.get(x) & 0xff) - 128L"),
                value(Rule.ZERO_POINT, "double", "f * ((x ^ 128) - 128)", "f * ((float) (x ^ 128) - 128.0f)"),
                statements(Rule.ZERO_POINT, """
                        int q = (bytes.get(x) & 0xff) >> 4 & 15;
                        int centred = q - 8;
                        floats.set(0, q - 8); // refused
                        floats.set(1, centred); // refused
                        floats.set(2, (float) (q + -8)); // refused
                        floats.set(3, (float) -q); // refused
                        double sum = 0.0;
                        sum += q - y; // refused
                        doubles.set(0, sum);""", """
                        int q = (bytes.get(x) & 0xff) >> 4 & 15;
                        floats.set(0, (float) q - 8.0f);
                        floats.set(1, (float) (x - 1));
                        ints.set(2, q - 8);
                        floats.set(3, -(float) q);
                        double sum = 0.0;
                        sum += (double) q - (double) y;
                        doubles.set(0, sum);"""),
                value(Rule.SIGN_BIT, "int", "x << 31", "(x & 1) == 0 ? 0 : 0x80000000"),
                value(Rule.SIGN_BIT, "int", "x * Integer.MIN_VALUE", "(x & 1) == 0 ? 0 : 0x80000000"),
                value(Rule.SIGN_BIT, "int", "-(x & 0x80000000)", "x < 0 ? 0x80000000 : 0"),
                statements(Rule.SIGN_BIT, """
                        int bits = x;
                        bits <<= 31; // refused
                        bits *= 0x80000000; // refused
                        ints.set(0, bits);""", """
                        int bits = (x & 1) == 0 ? 0 : 0x80000000;
                        bits <<= 30;
                        long wide = (long) x << 31;
                        ints.set(0, bits + (int) wide);"""),
                value(Rule.SQUARE_SHIFT, "int", "(x * x) >> 20", "(int) (((long) x * x) >> 20)"),
                statements(Rule.SQUARE_SHIFT, """
                        int square = x * x;
                        ints.set(0, square >> 8); // refused
                        square >>= 9; // refused""", """
                        long square = (long) x * x;
                        ints.set(0, (int) (square >> 8));"""),
                statements(Rule.SIGN_WRAP, """
                        int at = x - 3;
                        if (at < 0) { // refused
                            at += 4;
                        }
                        if (at < 0) at = at + 4; // refused
                        ints.set(0, at);""", """
                        int at = (x + 1) % 4;
                        float value = f;
                        if (value < 0.0f) {
                            value += 1.0f;
                        }
                        if (at < 4) {
                            at += 4;
                        }
                        if (at < 0) {
                            at = 4;
                        }
                        floats.set(at, value);"""),
                value(Rule.NAN, "float", "x > 0 ? f : Float.NaN", "x > 0 ? f : Float.NEGATIVE_INFINITY"),
                value(Rule.NAN, "double", "Double.NaN", "Double.POSITIVE_INFINITY"),
                value(Rule.NAN, "boolean", "f != f", "Float.isInfinite(f)"),
                value(Rule.NAN, "boolean", "(f) == f", "f == 0.0f"),
                value(Rule.NAN, "boolean", "Float.isNaN(f)", "ints.get(x) == 0"),
                statements(Rule.FLOAT_BITS, """
                        floats.set(0, Float.intBitsToFloat(x)  + 1.0f); // refused
                        int bits = Float.floatToRawIntBits(f) & 0xff; // refused
                        int same = Float.floatToIntBits(floats.get(0)); // refused
                        double wide = Double.longBitsToDouble(longs.get(0) + 1L); // refused""", """
                        floats.set(0, Float.intBitsToFloat(ints.get(0)));
                        ints.set(0, (Float.floatToRawIntBits(f)));
                        float value = Float.intBitsToFloat((ints.get(x)));
                        double wide = Double.longBitsToDouble(longs.get(0));
                        float coded = floats.get(ints.get(x) & 0xff);"""),
                value(Rule.HALF_FLOAT, "float", "Float.float16ToFloat((short) x)", "floats.get(x & 0xffff)"),
                value(Rule.HALF_FLOAT, "short", "Float.floatToFloat16(f)", "(short) x"),
                new RuleCase(Rule.HALF_FLOAT, Probe.members("""
                                static void halves(
                                        KernelContext context,
                                        HalfFloatArray x, // refused
                                        FloatArray y) {
                                    float value = x.get(0).getFloat32(); // refused
                                    HalfFloat half = x.get(1); // refused
                                    y.set(0, value);
                                }"""), Probe.members("""
                                static void halves(KernelContext context, IntArray x, FloatArray table, FloatArray y) {
                                    y.set(0, table.get(x.get(0) & 0xffff));
                                }""")),
                value(Rule.LIBRARY_CALL, "float", "(float) Math.random()", "TornadoMath.exp(f)"),
                statements(
                        Rule.LIBRARY_CALL,
                        "floats.init(0.0f); // refused",
                        "for (int i = 0; i < n; i++) { floats.set(i, 0.0f); }\nint size = floats.getSize();"),
                value(
                        Rule.LIBRARY_CALL,
                        "int",
                        "Long.numberOfTrailingZeros(1L)",
                        "Integer.bitCount(x) + Long.bitCount(1L) + Math.clamp(1L, 0, 2) + Math.floorMod(x, 3)"),
                statements(Rule.LOCAL_ATOMIC, """
                        int[] count = context.allocateIntLocalArray(SIZE);
                        context.atomicAdd(count, 0, 1); // refused""", """
                        context.atomicAdd(ints, 0, 1);
                        context.atomicAdd(longs, 0, 1L);"""),
                statements(Rule.FLOAT_ATOMIC, """
                        context.atomicAdd(floats, 0, f); // refused
                        context.atomicAdd(doubles, 0, 1.0); // refused""", "context.atomicAdd(ints, 0, 1);"),
                statements(Rule.GLOBAL_BARRIER, "context.globalBarrier(); // refused", "context.localBarrier();"),
                statements(Rule.STRING, """
                        String name = ints + "x"; // refused
                        ints.set("x" == "y" ? 0 : 1, x); // refused""", """
                        int name = 1;
                        ints.set(name == 1 ? 0 : 1, x);"""));
    }

    /** A refused call and its replacement for each method that has one; a, b, i, j are floats and ints. */
    static Map<String, RuleCase> replacements() {
        return Map.ofEntries(
                call("Math.fma", "float", "Math.fma(f, f, f)", "f * f + f"),
                call("Math.floor", "double", "Math.floor(f)", "TornadoMath.floor(f)"),
                call("Math.ceil", "double", "Math.ceil(f)", "TornadoMath.ceil(f)"),
                call("Math.round", "int", "Math.round(f)", "(int) TornadoMath.floor(f + 0.5f)"),
                call("Math.rint", "double", "Math.rint(f)", "TornadoMath.floor(f + 0.5f)"),
                call("Math.abs", "int", "Math.abs(x)", "x < 0 ? -x : x"),
                call("Math.log1p", "double", "Math.log1p(f)", "TornadoMath.log(1.0f + f)"),
                call("Math.expm1", "double", "Math.expm1(f)", "TornadoMath.exp(f) - 1.0f"),
                call("Math.cbrt", "double", "Math.cbrt(f)", "TornadoMath.pow(f, 1.0f / 3.0f)"),
                call("Math.hypot", "double", "Math.hypot(f, f)", "TornadoMath.sqrt(f * f + f * f)"),
                call("Math.log", "double", "Math.log(f)", "TornadoMath.log(f)"),
                call("Math.sin", "double", "Math.sin(f)", "TornadoMath.sin(f)"),
                call("Math.cos", "double", "Math.cos(f)", "TornadoMath.cos(f)"),
                call(
                        "Math.multiplyHigh",
                        "long",
                        "Math.multiplyHigh(longs.get(0), longs.get(1))",
                        "((longs.get(0) & 0xffffffffL) * (longs.get(1) & 0xffffffffL)) >> 32"),
                call(
                        "Integer.rotateLeft",
                        "int",
                        "Integer.rotateLeft(x, n)",
                        "(x << n) | ((x >> (32 - n)) & ((1 << n) - 1))"),
                call(
                        "Integer.rotateRight",
                        "int",
                        "Integer.rotateRight(x, n)",
                        "(x << (32 - n)) | ((x >> n) & ((1 << (32 - n)) - 1))"),
                call(
                        "Integer.divideUnsigned",
                        "int",
                        "Integer.divideUnsigned(x, y)",
                        "(int) ((x & 0xffffffffL) / (y & 0xffffffffL))"),
                call(
                        "Integer.remainderUnsigned",
                        "int",
                        "Integer.remainderUnsigned(x, y)",
                        "(int) ((x & 0xffffffffL) % (y & 0xffffffffL))"),
                call(
                        "Integer.compareUnsigned",
                        "boolean",
                        "Integer.compareUnsigned(x, y) < 0",
                        "(x ^ 0x80000000) < (y ^ 0x80000000)"),
                call("Integer.numberOfLeadingZeros", "boolean", "Integer.numberOfLeadingZeros(x) == 31", "x == 1"),
                call(
                        "Integer.numberOfTrailingZeros",
                        "int",
                        "Integer.numberOfTrailingZeros(x)",
                        "Integer.bitCount((x & -x) - 1)"));
    }

    private static Map.Entry<String, RuleCase> call(String name, String type, String refused, String accepted) {
        return Map.entry(name, value(Rule.LIBRARY_CALL, type, refused, accepted));
    }
}
