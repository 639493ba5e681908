package dev.gust.runtime.matmul;

import dev.gust.runtime.kernel.KernelStyle;
import java.util.Optional;

/**
 * How to multiply where there is a choice.
 *
 * @param integerPath whether the jvm device may round activations to INT8, a scale for each block, and multiply integers
 *     where the weight's codes are integers; off, activations stay float32
 * @param style the kernels to use instead of those that suit the device
 * @param threads threads of the jvm device; 0 for one to each processor
 */
public record MatmulOptions(boolean integerPath, Optional<KernelStyle> style, int threads) {
    /** What suits most. */
    public static final MatmulOptions DEFAULT = new MatmulOptions(true, Optional.empty(), 0);

    public MatmulOptions {
        if (threads < 0) {
            throw new IllegalArgumentException(threads + " threads");
        }
    }

    public MatmulOptions withIntegerPath(boolean allowed) {
        return new MatmulOptions(allowed, style, threads);
    }

    public MatmulOptions withStyle(KernelStyle wanted) {
        return new MatmulOptions(integerPath, Optional.of(wanted), threads);
    }

    public MatmulOptions withThreads(int count) {
        return new MatmulOptions(integerPath, style, count);
    }
}
