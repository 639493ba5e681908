package dev.gust.benchmarks;

import dev.gust.runtime.Devices;
import dev.gust.runtime.device.Device;
import dev.gust.runtime.device.DeviceId;
import dev.gust.runtime.device.DeviceOptions;
import dev.gust.runtime.jvm.JvmDevice;
import dev.gust.runtime.kernel.KernelDevice;
import dev.gust.runtime.kernel.KernelTimes;
import dev.gust.runtime.matmul.MatmulForm;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;

/**
 * Factored, sparse, adapter and Monarch products on one device beside the dense one: bytes that have to be read per second,
 * beside a copy on the same device, or, on the jvm device, beside reading memory in turns with the products, and time beside
 * the dense product's. Results are checked against products in float64 on some rows.
 */
final class DeviceLowRank {
    private static final int ROUNDS = 25;
    /** Most calls before the measured ones: the JVM compiles what launches kernels only after hundreds. */
    private static final int WARM_UP = 2000;

    private static final long WARM_UP_NANOS = 2_000_000_000;
    private static final int ROWS_CHECKED = 61;

    /** More than caches hold, so that what is read between products drives their weights out. */
    private static final long READ_BYTES = 1L << 28;

    /**
     * Medians.
     *
     * @param nanos in kernels, or of whole calls
     * @param reading GB/s of reading memory between the calls; 0 where the device is not this machine's processor
     */
    private record Medians(double nanos, double reading) {}

    private DeviceLowRank() {}

    /**
     * Runs and prints.
     *
     * @param args device, M, N and labels of {@link MatmulForm}'s plain types, each optional: jvm 4096 4096 f32 f16 bf16
     */
    static void print(String... args) {
        DeviceId id = DeviceId.parse(args.length > 0 ? args[0] : "jvm");
        int m = args.length > 1 ? Integer.parseInt(args[1]) : 4096;
        int n = args.length > 2 ? Integer.parseInt(args[2]) : 4096;
        List<String> wanted = Arrays.asList(args).subList(Math.min(3, args.length), args.length);
        List<String> labels = wanted.isEmpty() ? List.of("f32", "f16", "bf16") : wanted;
        DeviceOptions options = DeviceOptions.defaults();
        double bound = bound(id, options);
        System.out.printf(
                "M %d, N %d%n%-5s %-22s %9s %11s %11s %8s %8s %9s %9s %9s%n",
                m,
                n,
                "type",
                "product",
                "MB",
                "kernel us",
                "call us",
                "GB/s",
                "bound",
                "of bound",
                "of dense",
                "error");
        for (String label : labels) {
            MatmulForm form = MatmulForm.all().stream()
                    .filter(f -> f.label().equals(label))
                    .findFirst()
                    .orElseThrow(() -> new IllegalArgumentException("there is no form " + label));
            double dense = 0;
            for (LowRankProduct product : LowRankProduct.all(form, m, n)) {
                double took = row(id, options, bound, label, product, dense);
                dense = dense == 0 ? took : dense;
            }
        }
    }

    /** What the device's memory gives, read and written; 0 where products and reading take turns. */
    private static double bound(DeviceId id, DeviceOptions options) {
        try (Device device = Devices.open(id, options.withProfiling(true))) {
            System.out.println(device.id() + " " + device.info().name() + ", "
                    + device.info().driver());
            if (device instanceof KernelDevice kernels) {
                double rate = DeviceCopy.gigabytesPerSecond(kernels, 1 << 27);
                System.out.printf(Locale.ROOT, "copy %.0f GB/s read and written%n", rate);
                return rate;
            }
            return 0;
        }
    }

    /** Prints a product's row; returns nanoseconds, in kernels if those were measured. */
    private static double row(
            DeviceId id, DeviceOptions options, double bound, String label, LowRankProduct product, double dense) {
        try (Arena arena = Arena.ofShared()) {
            MemorySegment x = Floats.gaussian(arena, (long) product.tokens() * product.inputs(), 3);
            MemorySegment y = arena.allocate((long) product.tokens() * product.outputs() * Float.BYTES, 64);
            double kernel =
                    median(id, options.withProfiling(true), product, x, y, true).nanos();
            double error = error(product, x, y);
            Medians calls = median(id, options, product, x, y, false);
            double took = kernel == 0 ? calls.nanos() : kernel;
            double rate = product.bytes(x) / took;
            double most = bound == 0 ? calls.reading() : bound;
            System.out.printf(
                    Locale.ROOT,
                    "%-5s %-22s %9.1f %11.1f %11.1f %8.1f %8.1f %8.0f%% %8.0f%% %9.1e%n",
                    label,
                    product.name(),
                    product.bytes(x) / 1e6,
                    kernel / 1e3,
                    calls.nanos() / 1e3,
                    rate,
                    most,
                    most == 0 ? 0 : 100 * rate / most,
                    dense == 0 ? 100 : 100 * took / dense,
                    error);
            return took;
        }
    }

    private static Medians median(
            DeviceId id,
            DeviceOptions options,
            LowRankProduct product,
            MemorySegment x,
            MemorySegment y,
            boolean kernel) {
        try (Device device = Devices.open(id, options);
                Arena arena = Arena.ofShared();
                LowRankProduct.Runner plan = product.prepare().on(device)) {
            long start = System.nanoTime();
            for (int i = 0; i < 3 || !kernel && i < WARM_UP && System.nanoTime() - start < WARM_UP_NANOS; i++) {
                plan.run(x, y);
            }
            var nanos = new ArrayList<Long>();
            var reading = new ArrayList<Double>();
            boolean reads = !kernel && device instanceof JvmDevice;
            MemorySegment bytes = arena.allocate(reads ? READ_BYTES : 64, 64);
            bytes.fill((byte) 1);
            for (int i = 0; i < ROUNDS; i++) {
                y.fill((byte) 0);
                KernelTimes times = plan.run(x, y);
                nanos.add(kernel ? times.kernel() : times.total());
                reading.add(reads ? HostRead.gigabytesPerSecond((JvmDevice) device, bytes) : 0);
            }
            return new Medians(
                    nanos.stream().sorted().toList().get(ROUNDS / 2),
                    reading.stream().sorted().toList().get(ROUNDS / 2));
        }
    }

    /** RMSE / RMS over some rows of the first and the last token. */
    private static double error(LowRankProduct product, MemorySegment x, MemorySegment y) {
        double squaredError = 0;
        double squares = 0;
        for (int token : new int[] {0, product.tokens() - 1}) {
            double[] wide = new double[product.inputs()];
            for (int j = 0; j < wide.length; j++) {
                wide[j] = x.getAtIndex(ValueLayout.JAVA_FLOAT, (long) token * wide.length + j);
            }
            LowRankProduct.Rows rows = product.reference().of(token, wide);
            for (int r = 0; r < ROWS_CHECKED; r++) {
                int row = r * (product.outputs() - 1) / (ROWS_CHECKED - 1);
                double expected = rows.at(row);
                double got = y.getAtIndex(ValueLayout.JAVA_FLOAT, (long) token * product.outputs() + row);
                squaredError += (expected - got) * (expected - got);
                squares += expected * expected;
            }
        }
        return Math.sqrt(squaredError / squares);
    }
}
