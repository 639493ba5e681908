package dev.gust.formats.scheme;

import java.util.Arrays;
import java.util.Optional;

/** The schemes that store a weight as several tensors, under the names the command line gives them. */
public enum Scheme {
    /** E4M3, one scale per output channel. */
    FP8("fp8"),
    /** E4M3, one scale per tensor. */
    FP8_TENSOR("fp8-tensor"),
    /** E4M3, one scale per 128×128 block. */
    FP8_BLOCK("fp8-block"),
    /** E5M2, one scale per output channel. */
    FP8_E5M2("fp8-e5m2"),
    /** E4M3 in blocks of 32 with an E8M0 scale. */
    MXFP8("mxfp8"),
    MXFP6_E2M3("mxfp6-e2m3"),
    MXFP6_E3M2("mxfp6-e3m2"),
    MXFP4("mxfp4"),
    /** E2M1 in blocks of 16 with an E4M3 scale, and one F32 scale per tensor. */
    NVFP4("nvfp4"),
    /** Symmetric, one scale per output channel. */
    INT8("int8"),
    /** Symmetric, one scale per group of 128 along K. */
    INT4("int4");

    private final String label;

    Scheme(String label) {
        this.label = label;
    }

    /** The name on the command line. */
    public String label() {
        return label;
    }

    /** Whether a {@link ScaleRule} applies. */
    public boolean isMicroscaled() {
        return this == MXFP8 || this == MXFP6_E2M3 || this == MXFP6_E3M2 || this == MXFP4;
    }

    public static Optional<Scheme> byLabel(String label) {
        return Arrays.stream(values()).filter(s -> s.label.equals(label)).findFirst();
    }
}
