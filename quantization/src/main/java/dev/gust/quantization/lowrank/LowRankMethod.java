package dev.gust.quantization.lowrank;

import java.util.Arrays;
import java.util.Locale;
import java.util.Optional;

/** What factors are best at: which matrix is decomposed, and how factors of it become factors of the weight. */
public enum LowRankMethod {
    /** The weight itself: least error of the weight (Eckart, Young 1936). */
    SVD(false),
    /**
     * The weight times the Cholesky factor of the inputs' Gram matrix: least error of the outputs, which is exactly what
     * the singular values left out say (SVD-LLM, arXiv 2403.07378).
     */
    WHITENED(true),
    /** The weight with columns scaled by how large their inputs are (ASVD, arXiv 2312.05821). */
    ASVD(true),
    /**
     * The outputs' principal directions, on which the weight is projected (LoRD, arXiv 2309.14021, as atomic feature
     * mimicking). The same product as {@link #WHITENED}, with A orthonormal and without an inverse.
     */
    LORD(true);

    private final boolean calibrated;

    LowRankMethod(boolean calibrated) {
        this.calibrated = calibrated;
    }

    /** The name on the command line. */
    public String label() {
        return name().toLowerCase(Locale.ROOT);
    }

    /** Whether it needs to know the layers' inputs. */
    public boolean isCalibrated() {
        return calibrated;
    }

    public static Optional<LowRankMethod> byLabel(String label) {
        return Arrays.stream(values()).filter(m -> m.label().equals(label)).findFirst();
    }
}
