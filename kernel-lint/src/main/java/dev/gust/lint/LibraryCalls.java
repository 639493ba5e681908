package dev.gust.lint;

import java.util.Map;
import java.util.Optional;
import java.util.Set;

/** The methods of java.lang that devices were seen to compute rightly, and replacements for others. */
final class LibraryCalls {
    private static final Set<String> RIGHT = Set.of(
            "Math.exp",
            "Math.sqrt",
            "Math.tanh",
            "Math.pow",
            "Math.signum",
            "Math.clamp",
            "Math.floorMod",
            "Math.floorDiv",
            "Math.min",
            "Math.max",
            "Integer.bitCount",
            "Integer.toUnsignedLong",
            "Long.bitCount",
            "Byte.toUnsignedInt",
            "Float.isInfinite",
            "Double.isInfinite");

    /** By the method's name in java.lang; what is right for Integer is right for Long with its width. */
    static final Map<String, String> INSTEAD = Map.ofEntries(
            Map.entry("Math.fma", "a * b + c, which TornadoVM contracts"),
            Map.entry("Math.floor", "TornadoMath.floor(x)"),
            Map.entry("Math.ceil", "TornadoMath.ceil(x)"),
            Map.entry("Math.round", "(int) TornadoMath.floor(x + 0.5f)"),
            Map.entry("Math.rint", "TornadoMath.floor(x + 0.5f), but for ties"),
            Map.entry("Math.abs", "TornadoMath.abs(x) of a float; x < 0 ? -x : x of an int"),
            Map.entry("Math.log1p", "TornadoMath.log(1.0f + x)"),
            Map.entry("Math.expm1", "TornadoMath.exp(x) - 1.0f"),
            Map.entry("Math.cbrt", "TornadoMath.pow(x, 1.0f / 3.0f) for x >= 0"),
            Map.entry("Math.hypot", "TornadoMath.sqrt(x * x + y * y)"),
            Map.entry("Math.log", "TornadoMath.log(x)"),
            Map.entry("Math.sin", "TornadoMath.sin(x)"),
            Map.entry("Math.cos", "TornadoMath.cos(x)"),
            Map.entry("Math.multiplyHigh", "sums of products of 32-bit halves, as longs"),
            Map.entry("Integer.rotateLeft", "(x << n) | ((x >> (32 - n)) & ((1 << n) - 1)), with 0 < n < 31"),
            Map.entry("Integer.rotateRight", "(x << (32 - n)) | ((x >> n) & ((1 << (32 - n)) - 1)), with 1 < n < 32"),
            Map.entry("Integer.divideUnsigned", "(int) ((x & 0xffffffffL) / (y & 0xffffffffL))"),
            Map.entry("Integer.remainderUnsigned", "(int) ((x & 0xffffffffL) % (y & 0xffffffffL))"),
            Map.entry("Integer.compareUnsigned", "(x ^ 0x80000000) < (y ^ 0x80000000)"),
            Map.entry("Integer.numberOfLeadingZeros", "comparisons with powers of two, or Integer.bitCount"),
            Map.entry("Integer.numberOfTrailingZeros", "Integer.bitCount((x & -x) - 1)"));

    private LibraryCalls() {}

    /** Whether a method, such as Math.exp of java.lang, may be called. */
    static boolean isRight(String owner, String name) {
        return RIGHT.contains(simple(owner, name));
    }

    static Optional<String> instead(String owner, String name) {
        return Optional.ofNullable(INSTEAD.get(simple(owner, name)));
    }

    private static String simple(String owner, String name) {
        return owner.startsWith("java.lang.") ? owner.substring("java.lang.".length()) + "." + name : owner;
    }
}
