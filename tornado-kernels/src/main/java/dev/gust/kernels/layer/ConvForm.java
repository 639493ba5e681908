package dev.gust.kernels.layer;

/** Bits of the {@code form} argument of the convolution, a constant of the compiled kernel. */
public final class ConvForm {
    /** A bias is added. */
    public static final int BIAS = 1;

    /** What comes out is y / (1 + e⁻ʸ). */
    public static final int SILU = 2;

    private ConvForm() {}
}
