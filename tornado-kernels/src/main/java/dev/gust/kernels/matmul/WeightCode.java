package dev.gust.kernels.matmul;

/**
 * How weights are stored, as kernels are told: scalar arguments, which TornadoVM makes constants of the compiled kernel,
 * so that one kernel serves all formats and the branches for the others fold away.
 */
public final class WeightCode {
    /** float32, in an array of floats. */
    public static final int F32 = 0;

    public static final int F16 = 1;
    public static final int BF16 = 2;

    /** Codes of 8 bits, whose values are in a table of 256. */
    public static final int BITS_8 = 3;

    /** Codes of 6 bits, packed densely, whose values are in a table of 64. */
    public static final int BITS_6 = 4;

    /** Codes of 4 bits, the first in the low nibble, whose values are in a table of 16. */
    public static final int BITS_4 = 5;

    public static final int Q8_0 = 6;
    public static final int Q4_0 = 7;

    /** GGUF's blocks of 32 E2M1 codes behind an E8M0 scale. */
    public static final int MXFP4_BLOCKS = 8;

    /** GGUF's blocks of 64 E2M1 codes behind four E4M3 scales. */
    public static final int NVFP4_BLOCKS = 9;

    public static final int Q4_K = 10;
    public static final int Q6_K = 11;

    /** From here on GGUF's blocks. */
    public static final int FIRST_BLOCK = Q8_0;

    /** From here on GGUF's blocks of blocks. */
    public static final int FIRST_SUPER_BLOCK = Q4_K;

    private WeightCode() {}
}
