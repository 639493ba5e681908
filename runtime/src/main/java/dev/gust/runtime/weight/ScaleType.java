package dev.gust.runtime.weight;

import dev.gust.formats.codec.FloatFormat;

/** How a weight's scales lie in memory. */
public enum ScaleType {
    /** float32, little-endian; scales stored as F16 or BF16 are widened when a weight is loaded. */
    F32(4),
    /** One byte, 2^(code − 127). */
    E8M0(1),
    /** One byte, E4M3FN. */
    E4M3(1);

    private final int bytes;

    ScaleType(int bytes) {
        this.bytes = bytes;
    }

    /** Bytes of one scale. */
    public int bytes() {
        return bytes;
    }

    /**
     * What the byte of a scale stands for.
     *
     * @throws IllegalArgumentException for {@link #F32}, which has no codes
     */
    public float value(int code) {
        return switch (this) {
            case F32 -> throw new IllegalArgumentException("float32 scales have no codes");
            case E8M0 -> dev.gust.formats.codec.E8M0.decode(code);
            case E4M3 -> FloatFormat.E4M3FN.decode(code);
        };
    }
}
