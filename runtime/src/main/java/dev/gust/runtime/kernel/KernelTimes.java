package dev.gust.runtime.kernel;

/**
 * Where the time of one execution went, in nanoseconds; 0 where it was not measured.
 *
 * @param kernel on the device, in kernels
 * @param transfer between host and device, both ways
 * @param compile in TornadoVM's compiler and the driver's: of the whole program, with its first execution
 * @param total from the call to its return
 */
public record KernelTimes(long kernel, long transfer, long compile, long total) {
    /** Nothing but the whole is known. */
    public static KernelTimes ofTotal(long total) {
        return new KernelTimes(0, 0, 0, total);
    }

    /** Those of this execution and one behind it. */
    public KernelTimes plus(KernelTimes next) {
        return new KernelTimes(
                kernel + next.kernel, transfer + next.transfer, compile + next.compile, total + next.total);
    }
}
