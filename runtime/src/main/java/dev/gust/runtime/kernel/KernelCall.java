package dev.gust.runtime.kernel;

import java.util.Optional;

/**
 * One step of a program.
 *
 * @param name the kernel's name, for errors and profiles: letters and digits
 * @param kernel the kernel with its arguments
 * @param grid the work-items of a tuned kernel; nothing for a portable one, whose loops say it
 */
public record KernelCall(String name, Kernel kernel, Optional<Grid> grid) {
    /** A portable kernel: its loops are the grid. */
    public static KernelCall portable(String name, Kernel kernel) {
        return new KernelCall(name, kernel, Optional.empty());
    }

    /** A tuned kernel. */
    public static KernelCall tuned(String name, Kernel kernel, Grid grid) {
        return new KernelCall(name, kernel, Optional.of(grid));
    }
}
