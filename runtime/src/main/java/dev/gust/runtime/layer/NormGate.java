package dev.gust.runtime.layer;

/** What of a gate multiplies a norm. */
public enum NormGate {
    /** There is no gate. */
    NONE,
    /** gate / (1 + e^−gate): Gated DeltaNet. */
    SILU,
    /** 1 / (1 + e^−gate): Kimi Linear. */
    SIGMOID
}
