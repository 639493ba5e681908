package dev.gust.runtime.weight;

import dev.gust.formats.codec.FloatFormat;

/** The codes of weights whose scales are stored apart from them. Row-major, packed densely, the first in the lowest bits. */
public enum NarrowCode {
    F8_E4M3(8),
    F8_E5M2(8),
    F6_E2M3(6),
    F6_E3M2(6),
    /** E2M1. */
    F4(4),
    /** Two's complement. */
    I8(8),
    /** The value plus 8: compressed-tensors' pack-quantized INT4. */
    OFFSET_I4(4);

    private final int bits;

    NarrowCode(int bits) {
        this.bits = bits;
    }

    /** Bits of one code. */
    public int bits() {
        return bits;
    }

    /** Number of codes. */
    public int codes() {
        return 1 << bits;
    }

    /** Bytes that so many codes take; whole bytes only. */
    public long bytes(long elements) {
        return Math.ceilDiv(Math.multiplyExact(elements, (long) bits), (long) Byte.SIZE);
    }

    /**
     * What a code stands for, before scales.
     *
     * @param code 0 to {@link #codes()} − 1
     */
    public float value(int code) {
        return switch (this) {
            case F8_E4M3 -> FloatFormat.E4M3FN.decode(code);
            case F8_E5M2 -> FloatFormat.E5M2.decode(code);
            case F6_E2M3 -> FloatFormat.E2M3.decode(code);
            case F6_E3M2 -> FloatFormat.E3M2.decode(code);
            case F4 -> FloatFormat.E2M1.decode(code);
            case I8 -> (byte) code;
            case OFFSET_I4 -> code - 8;
        };
    }

    /** Whether all values are integers times one power of two, so that integer arithmetic is exact on them. */
    public boolean isInteger() {
        return this == I8 || this == OFFSET_I4 || this == F4;
    }
}
