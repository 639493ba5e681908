package dev.gust.benchmarks;

import dev.gust.kernels.copy.GroupCopy;
import dev.gust.quantization.vq.Vectors;
import dev.gust.runtime.Devices;
import dev.gust.runtime.device.Device;
import dev.gust.runtime.device.DeviceId;
import dev.gust.runtime.device.DeviceOptions;
import dev.gust.runtime.jvm.JvmDevice;
import dev.gust.runtime.kernel.KernelDevice;
import dev.gust.runtime.kernel.KernelTimes;
import dev.gust.runtime.logits.HeadOptions;
import dev.gust.runtime.logits.HeadPlan;
import dev.gust.runtime.logits.Screen;
import dev.gust.runtime.logits.VqHead;
import dev.gust.runtime.logits.VqLogits;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import java.util.Locale;
import java.util.function.ToLongFunction;

/**
 * The kernel times of output heads on a device of TornadoVM, beside a copy of the same run: of a whole call, which is the
 * scores and all that finds the best of them, and of the scores alone. Matrices are random and of the sizes of real heads.
 */
final class HeadKernels {
    private static final int K = 8;
    private static final int QUERIES = 16;
    private static final double NOISE = 0.5;
    private static final int CALLS = Integer.getInteger("gust.heads.calls", 40);
    private static final int WARM_UP = Math.min(8, CALLS);

    private final Device device;
    private final double copy;

    private HeadKernels(Device device, double copy) {
        this.device = device;
        this.copy = copy;
    }

    /**
     * Runs and prints.
     *
     * @param args device and matrices: sizes {@code VxD}; behind a colon, numbers of codes of product quantization
     */
    static void print(String... args) {
        DeviceId id = DeviceId.parse(args.length > 0 ? args[0] : "tornado");
        String[] matrices = args.length > 1
                ? Arrays.copyOfRange(args, 1, args.length)
                : new String[] {
                    "341479x100:25,50", "30522x384:96,192", "131072x1024:256", "131072x4096:128,256", "262144x2304:144,256"
                };
        try (Device device = Devices.open(id, DeviceOptions.defaults().withProfiling(true))) {
            if (!(device instanceof KernelDevice kernels)) {
                throw new IllegalArgumentException(id + " runs no kernels");
            }
            System.out.println(device.id() + " " + device.info().name() + ", "
                    + device.info().driver());
            double copy = DeviceCopy.gigabytesPerSecond(kernels, 1 << 27);
            int few = GroupCopy.LOCAL * GroupCopy.WORDS;
            double launch = 8e-3 * few / DeviceCopy.gigabytesPerSecond(kernels, few);
            System.out.printf(
                    Locale.ROOT, "copy %.1f GB/s read and written; one group that copies takes %.1f us%n", copy, launch);
            for (String matrix : matrices) {
                try (Arena arena = Arena.ofShared();
                        var host = new JvmDevice()) {
                    new HeadKernels(device, copy).table(host, matrix, arena);
                }
            }
        }
    }

    private void table(JvmDevice host, String matrix, Arena arena) {
        int colon = matrix.indexOf(':');
        String[] size = (colon < 0 ? matrix : matrix.substring(0, colon)).split("x");
        Vectors x = SampleScreens.rows(Integer.parseInt(size[0]), Integer.parseInt(size[1]), arena);
        int v = x.count();
        int d = x.length();
        System.out.printf(Locale.ROOT, "%nrandom [%d, %d], k = %d%n", v, d, K);
        System.out.printf(
                "%-10s %8s %8s %8s %10s %8s %10s %8s%n",
                "head", "top-1", "MB", "us", "of copy", "scores", "of copy", "call us");
        NoisyQueries queries = NoisyQueries.of(host, x, NOISE, QUERIES, 11);
        long rows = x.data().byteSize();
        row("dense", VqHead.of(v, d, x.data(), new Screen.None()), queries, rows, rows);
        screened("int4", VqHead.of(v, d, x.data(), SampleScreens.int4(x, arena)), queries);
        if (colon >= 0) {
            for (String parts : matrix.substring(colon + 1).split(",")) {
                Screen codes = SampleScreens.codes(v, d, Integer.parseInt(parts), arena);
                screened("pq " + parts, VqHead.of(v, d, x.data(), codes), queries);
            }
        }
    }

    private void screened(String name, VqHead head, NoisyQueries queries) {
        long screen = head.screen().byteSize();
        row(name, head, queries, screen + 4L * HeadOptions.RERANK * head.d(), screen);
    }

    private void row(String name, VqHead head, NoisyQueries queries, long bytes, long screenBytes) {
        try (Arena arena = Arena.ofShared();
                HeadPlan plan = VqLogits.prepare(device, head, HeadOptions.DEFAULT)) {
            int d = head.d();
            int count = queries.count();
            MemorySegment h = arena.allocateFrom(ValueLayout.JAVA_FLOAT, queries.h());
            MemorySegment ids = arena.allocate(4L * K, 64);
            MemorySegment logits = arena.allocate(4L * K, 64);
            MemorySegment y = arena.allocate(4L * head.v(), 64);
            int[] best = new int[count];
            long[] totals = new long[CALLS];
            double kernel = median(CALLS, call -> {
                KernelTimes times =
                        plan.top(h.asSlice(4L * d * Math.floorMod(call, count), 4L * d), 1, K, ids, logits);
                best[Math.floorMod(call, count)] = ids.get(ValueLayout.JAVA_INT, 0);
                totals[Math.max(call, 0)] = times.total();
                return times.kernel();
            });
            double scores = median(Math.max(1, CALLS / 4), call -> plan.logits(
                            h.asSlice(4L * d * Math.floorMod(call, count), 4L * d), 1, y)
                    .kernel());
            Arrays.sort(totals);
            System.out.printf(
                    Locale.ROOT,
                    "%-10s %8.3f %8.1f %8.1f %9.0f%% %8.1f %9.0f%% %8.1f%n",
                    name,
                    queries.recall(best, 1, 1),
                    bytes / 1e6,
                    kernel / 1e3,
                    100 * bytes / kernel / copy,
                    scores / 1e3,
                    100 * screenBytes / scores / copy,
                    totals[CALLS / 2] / 1e3);
        }
    }

    /** The median of a call's kernel time; calls of warming up are numbered below 0. */
    private static double median(int calls, ToLongFunction<Integer> call) {
        long[] nanos = new long[calls];
        for (int i = -WARM_UP; i < calls; i++) {
            long kernel = call.applyAsLong(i);
            if (i >= 0) {
                nanos[i] = kernel;
            }
        }
        Arrays.sort(nanos);
        return nanos[calls / 2];
    }
}
