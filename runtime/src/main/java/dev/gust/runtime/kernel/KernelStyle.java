package dev.gust.runtime.kernel;

/** The two ways in which kernels are written. */
public enum KernelStyle {
    /** Parallel loops: CPUs, FPGAs, plain Java. */
    PORTABLE,
    /** Groups with local memory and barriers: GPUs, the emulator. */
    TUNED
}
