package dev.gust.benchmarks;

import dev.gust.runtime.Devices;
import dev.gust.runtime.codebook.AssignPlan;
import dev.gust.runtime.codebook.KmeansAssign;
import dev.gust.runtime.device.Device;
import dev.gust.runtime.device.DeviceId;
import dev.gust.runtime.device.DeviceOptions;
import dev.gust.runtime.jvm.JvmDevice;
import dev.gust.runtime.kernel.KernelTimes;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.Locale;
import java.util.Optional;

/**
 * The search for nearest centroids on one device: operations a second, two for each element of a row and each centroid, and on
 * the jvm device beside what its threads reach with nothing to load, measured before and after in the same run.
 */
final class AssignSpeed {
    private static final int ROUNDS = 15;
    private static final int WARM_UP = 5;

    private AssignSpeed() {}

    /**
     * Runs and prints.
     *
     * @param args device, V, D and K, each optional: jvm 30522 384 1908
     */
    static void print(String... args) {
        DeviceId id = DeviceId.parse(args.length > 0 ? args[0] : "jvm");
        int rows = args.length > 1 ? Integer.parseInt(args[1]) : 30522;
        int length = args.length > 2 ? Integer.parseInt(args[2]) : 384;
        int codes = args.length > 3 ? Integer.parseInt(args[3]) : 1908;
        try (Device device = Devices.open(id, DeviceOptions.defaults().withProfiling(true));
                Arena arena = Arena.ofShared()) {
            System.out.println(device.id() + " " + device.info().name());
            MemorySegment x = Floats.gaussian(arena, (long) rows * length, 1);
            MemorySegment centroids = Floats.gaussian(arena, (long) codes * length, 2);
            MemorySegment ids = arena.allocate(4L * rows, 64);
            MemorySegment distances = arena.allocate(4L * rows, 64);
            double peak = peak(device);
            double[] calls = new double[ROUNDS];
            double[] kernels = new double[ROUNDS];
            try (AssignPlan plan = new KmeansAssign(rows, length, codes).prepare(device, x, 0, Optional.empty())) {
                for (int i = -WARM_UP; i < ROUNDS; i++) {
                    KernelTimes times = plan.assign(0, rows, centroids, codes, ids, distances);
                    if (i >= 0) {
                        calls[i] = times.total();
                        kernels[i] = times.kernel();
                    }
                }
            }
            peak = Math.max(peak, peak(device));
            Arrays.sort(calls);
            Arrays.sort(kernels);
            double work = 2.0 * rows * length * codes;
            System.out.printf(
                    Locale.ROOT,
                    "%d rows of %d, %d centroids: call %.1f ms = %.1f GFLOP/s (median), %.1f GFLOP/s (best)",
                    rows,
                    length,
                    codes,
                    calls[ROUNDS / 2] / 1e6,
                    work / calls[ROUNDS / 2],
                    work / calls[0]);
            if (kernels[ROUNDS / 2] > 0) {
                System.out.printf(
                        Locale.ROOT,
                        ", kernels %.2f ms = %.1f GFLOP/s",
                        kernels[ROUNDS / 2] / 1e6,
                        work / kernels[ROUNDS / 2]);
            }
            if (peak > 0) {
                System.out.printf(
                        Locale.ROOT,
                        ": %.0f and %.0f %% of the peak of %.1f GFLOP/s",
                        100 * work / calls[ROUNDS / 2] / (peak / 1e9),
                        100 * work / calls[0] / (peak / 1e9),
                        peak / 1e9);
            }
            System.out.println();
        }
    }

    private static double peak(Device device) {
        return device instanceof JvmDevice jvm ? PeakFlops.measure(jvm, jvm.threads(0), System::nanoTime) : 0;
    }
}
