package dev.gust.formats.scheme;

/**
 * How an MX block's shared power-of-two scale follows from the block's largest magnitude {@code a}, the exponent
 * {@code emax} of the element type's largest value, its {@code m} mantissa bits and its largest value {@code max} (OCP
 * Microscaling Formats v1.0 leaves the choice open; each rule names its users). Exponents stay within −127 and
 * 127 − emax, so that every code decodes to a finite number.
 */
public enum ScaleRule {
    /** 2^(floor(log2 a) − emax): OCP's example, microxcaling, torchao's default, ggml. Clips what exceeds max·scale. */
    FLOOR,
    /**
     * FLOOR after rounding {@code a} to m mantissa bits: torchao's EVEN, compressed-tensors. Clips less; the smallest
     * error of the closed-form rules on weights. For FP8 elements m is 1, not E4M3's 3, because compressed-tensors uses
     * the same constant there as for FP4: its MXFP8 scales are reproduced, and nothing clips.
     */
    EVEN,
    /** FLOOR, plus one unless {@code a} is a power of two. Never clips. */
    CEIL,
    /** The smallest power of two that is at least a / max: NVIDIA's conversion, cuBLAS, ModelOpt. Never clips. */
    RCEIL,
    /**
     * The one of FLOOR − 1, FLOOR and FLOOR + 1 with the smallest squared error over the block; of equal ones FLOOR,
     * then FLOOR + 1.
     */
    MSE
}
