package dev.gust.benchmarks;

import dev.gust.runtime.Devices;
import dev.gust.runtime.device.Device;
import dev.gust.runtime.device.DeviceId;
import dev.gust.runtime.device.DeviceOptions;
import dev.gust.runtime.kernel.KernelDevice;
import dev.gust.runtime.kernel.KernelTimes;
import dev.gust.runtime.matmul.MatmulForm;
import dev.gust.runtime.matmul.MatmulOptions;
import dev.gust.runtime.matmul.MatmulPlan;
import dev.gust.runtime.matmul.QuantizedMatmul;
import dev.gust.runtime.weight.LinearWeight;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.SplittableRandom;

/**
 * Products on one device: kernel time and bytes of stored weights per second beside a copy on the same device, and the
 * time of a whole call in a JVM that is warm, recorded (where the driver can) and not. Results are checked against a product in float64 on some rows.
 */
final class DeviceMatmul {
    private static final int ROUNDS = 25;
    /** Most calls before the measured ones: the JVM compiles what launches kernels only after hundreds. */
    private static final int WARM_UP = 2000;

    private static final long WARM_UP_NANOS = 2_000_000_000;
    private static final int ROWS_CHECKED = 61;

    private DeviceMatmul() {}

    /**
     * Runs and prints.
     *
     * @param args device, N, K, M and labels of {@link MatmulForm}, each optional: tornado 16384 16384 1, all that have
     *     kernels
     */
    static void print(String... args) {
        DeviceId id = DeviceId.parse(args.length > 0 ? args[0] : "tornado");
        int n = args.length > 1 ? Integer.parseInt(args[1]) : 16384;
        int k = args.length > 2 ? Integer.parseInt(args[2]) : 16384;
        int m = args.length > 3 ? Integer.parseInt(args[3]) : 1;
        List<String> labels = Arrays.asList(args).subList(Math.min(4, args.length), args.length);
        List<MatmulForm> forms = MatmulForm.all().stream()
                .filter(f -> labels.isEmpty() ? f.hasKernels() : labels.contains(f.label()))
                .filter(f -> k % f.granularity() == 0)
                .toList();
        DeviceOptions options = DeviceOptions.defaults();
        double copy = 0;
        try (Device device = Devices.open(id, options.withProfiling(true))) {
            System.out.println(device.id() + " " + device.info().name() + ", "
                    + device.info().driver());
            if (device instanceof KernelDevice kernels) {
                copy = DeviceCopy.gigabytesPerSecond(kernels, 1 << 27);
                System.out.printf(Locale.ROOT, "copy %.0f GB/s read and written%n", copy);
            }
        }
        System.out.printf(
                "%-12s %12s %10s %9s %12s %12s %12s%n",
                "form", "kernel us", "GB/s", "of copy", "call us", "recorded us", "error");
        for (MatmulForm form : forms) {
            row(id, options, copy, SyntheticWeight.of(form, n, k), form.label(), m);
        }
    }

    private static void row(DeviceId id, DeviceOptions options, double copy, LinearWeight weight, String label, int m) {
        try (Arena arena = Arena.ofShared()) {
            MemorySegment x = arena.allocate(m * weight.k() * Float.BYTES, 64);
            var random = new SplittableRandom(3);
            for (long i = 0; i < m * weight.k(); i++) {
                x.setAtIndex(ValueLayout.JAVA_FLOAT, i, (float) random.nextGaussian());
            }
            MemorySegment y = arena.allocate(m * weight.n() * Float.BYTES, 64);
            double kernel = median(id, options.withProfiling(true), weight, x, m, y, true);
            double error = error(weight, x, m, y);
            double call = median(id, options, weight, x, m, y, false);
            double recorded = median(id, options.withRecording(true), weight, x, m, y, false);
            double rate = kernel == 0 ? 0 : weight.byteSize() / kernel;
            System.out.printf(
                    Locale.ROOT,
                    "%-12s %12.1f %10.0f %8.0f%% %12.1f %12.1f %12.1e%n",
                    label,
                    kernel / 1e3,
                    rate,
                    copy == 0 ? 0 : 100 * rate / copy,
                    call / 1e3,
                    recorded / 1e3,
                    error);
        }
    }

    private static double median(
            DeviceId id,
            DeviceOptions options,
            LinearWeight weight,
            MemorySegment x,
            int m,
            MemorySegment y,
            boolean kernel) {
        y.fill((byte) 0xFF); // NaN: what is not written shows
        try (Device device = Devices.open(id, options);
                MatmulPlan plan = QuantizedMatmul.prepare(device, weight, MatmulOptions.DEFAULT)) {
            long start = System.nanoTime();
            for (int i = 0; i < 3 || !kernel && i < WARM_UP && System.nanoTime() - start < WARM_UP_NANOS; i++) {
                plan.multiply(x, m, y);
            }
            var nanos = new ArrayList<Long>();
            for (int i = 0; i < ROUNDS; i++) {
                KernelTimes times = plan.multiply(x, m, y);
                nanos.add(kernel ? times.kernel() : times.total());
            }
            return nanos.stream().sorted().toList().get(ROUNDS / 2);
        }
    }

    /** RMSE / RMS over some rows of the weight, against its restored values. */
    private static double error(LinearWeight weight, MemorySegment x, int m, MemorySegment y) {
        double squaredError = 0;
        double squares = 0;
        for (int r = 0; r < ROWS_CHECKED; r++) {
            long row = r * (weight.n() - 1) / (ROWS_CHECKED - 1);
            float[] values = SyntheticWeight.row(weight, row);
            for (int i = 0; i < m; i++) {
                double sum = 0;
                for (int c = 0; c < values.length; c++) {
                    sum += (double) x.getAtIndex(ValueLayout.JAVA_FLOAT, i * weight.k() + c) * values[c];
                }
                double got = y.getAtIndex(ValueLayout.JAVA_FLOAT, i * weight.n() + row);
                squaredError += (sum - got) * (sum - got);
                squares += sum * sum;
            }
        }
        return Math.sqrt(squaredError / squares);
    }
}
