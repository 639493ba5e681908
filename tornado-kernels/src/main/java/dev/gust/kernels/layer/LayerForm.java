package dev.gust.kernels.layer;

/** Bits of the {@code form} argument of a layer's decode step, beside those of {@link NormForm}. */
public final class LayerForm {
    /** The convolution ends with x / (1 + e⁻ˣ). */
    public static final int SILU = 64;

    /** The decay's curve is a softplus; otherwise a sigmoid. */
    public static final int SOFTPLUS = 128;

    /** Every channel decays by itself. */
    public static final int CHANNEL_DECAY = 256;

    private LayerForm() {}
}
