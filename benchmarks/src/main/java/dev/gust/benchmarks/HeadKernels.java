package dev.gust.benchmarks;

import dev.gust.formats.arrow.TensorAllocator;
import dev.gust.formats.codec.Codecs;
import dev.gust.formats.tensor.DType;
import dev.gust.formats.tensor.Shape;
import dev.gust.formats.tensor.Tensor;
import dev.gust.formats.tensor.TensorInfo;
import dev.gust.formats.vqhead.HeadMetadata;
import dev.gust.formats.vqhead.HeadMethod;
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
import dev.gust.runtime.logits.LogitsHead;
import dev.gust.runtime.logits.Screen;
import dev.gust.runtime.logits.VqHead;
import dev.gust.runtime.logits.VqLogits;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import java.util.Locale;
import java.util.Optional;
import java.util.SplittableRandom;
import java.util.function.ToLongFunction;

/**
 * The kernel times of output heads on a device of TornadoVM, beside a copy of the same run: of a whole call, which is the
 * scores and all that finds the best of them, and of the scores alone. Matrices are random and of the sizes of real heads.
 */
final class HeadKernels {
    private static final int K = 8;
    private static final int QUERIES = 16;
    private static final double NOISE = 0.5;
    private static final int CALLS = Integer.getInteger("gust.heads.calls", 200);

    /** Begins the names of heads that are timed: "pq", say; all of them if it is empty. */
    private static final String ONLY = System.getProperty("gust.heads.only", "");

    private final Device device;
    private final double copy;

    private HeadKernels(Device device, double copy) {
        this.device = device;
        this.copy = copy;
    }

    /**
     * Rows with noise, and the token that the dense product of the host finds for each.
     *
     * @param h [QUERIES, D]
     */
    @SuppressWarnings("ArrayRecordComponent") // measured with, never compared
    private record Queries(float[] h, int[] best) {
        static Queries of(JvmDevice host, Vectors x) {
            var random = new SplittableRandom(11);
            int d = x.length();
            float[] h = new float[QUERIES * d];
            for (int i = 0; i < h.length; i++) {
                long row = (i / d) * 7919L % x.count();
                float value = x.data().getAtIndex(ValueLayout.JAVA_FLOAT, row * d + i % d);
                h[i] = value + (float) (NOISE * random.nextGaussian());
            }
            try (LogitsHead dense =
                    LogitsHead.of(host, VqHead.of(x.count(), d, x.data(), new Screen.None()), HeadOptions.DEFAULT)) {
                return new Queries(h, dense.top(h, 1).ids());
            }
        }

        double agreement(int[] found) {
            int same = 0;
            for (int i = 0; i < best.length; i++) {
                same += best[i] == found[i] ? 1 : 0;
            }
            return (double) same / best.length;
        }
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
                : new String[] {"341479x100:50", "30522x384:96", "131072x1024:256", "131072x4096:256", "262144x2304:256"
                };
        // Rows that lie in the device's own memory are not copied for each plan.
        try (TensorAllocator memory = TensorAllocator.unlimited();
                Device device = Devices.open(
                        id, DeviceOptions.defaults().withProfiling(true).withMemory(memory))) {
            if (!(device instanceof KernelDevice kernels)) {
                throw new IllegalArgumentException(id + " runs no kernels");
            }
            System.out.println(device.id() + " " + device.info().name() + ", "
                    + device.info().driver());
            double copy = DeviceCopy.gigabytesPerSecond(kernels, 1 << 27);
            System.out.printf(Locale.ROOT, "copy %.1f GB/s read and written%n", copy);
            for (String matrix : matrices) {
                try (Arena arena = Arena.ofShared();
                        var host = new JvmDevice()) {
                    new HeadKernels(device, copy).table(host, matrix, memory, arena);
                }
            }
            int few = GroupCopy.LOCAL * GroupCopy.WORDS;
            System.out.printf(
                    Locale.ROOT,
                    "%na kernel of one group takes %.1f us%n",
                    8e-3 * few / DeviceCopy.gigabytesPerSecond(kernels, few));
        }
    }

    private void table(JvmDevice host, String matrix, TensorAllocator memory, Arena arena) {
        int colon = matrix.indexOf(':');
        String[] size = (colon < 0 ? matrix : matrix.substring(0, colon)).split("x");
        int v = Integer.parseInt(size[0]);
        int d = Integer.parseInt(size[1]);
        try (Tensor rows = memory.allocateForOverwrite(new TensorInfo("rows", DType.F32, Shape.of(v, d)))) {
            heads(host, SampleScreens.rows(v, d, rows.data()), colon < 0 ? "" : matrix.substring(colon + 1), arena);
        }
    }

    private void heads(JvmDevice host, Vectors x, String codes, Arena arena) {
        int v = x.count();
        int d = x.length();
        System.out.printf(Locale.ROOT, "%nrandom [%d, %d], k = %d%n", v, d, K);
        System.out.printf(
                "%-11s %8s %8s %8s %10s %8s %10s %8s%n",
                "head", "top-1", "MB", "us", "of copy", "scores", "of copy", "call us");
        Queries queries = Queries.of(host, x);
        long rows = x.data().byteSize();
        if ("dense".startsWith(ONLY)) {
            row("dense", VqHead.of(v, d, x.data(), new Screen.None()), queries, rows, rows);
            narrow(DType.BF16, x, queries);
            narrow(DType.F16, x, queries);
        }
        if ("int4".startsWith(ONLY)) {
            screened("int4", VqHead.of(v, d, x.data(), SampleScreens.int4(x, arena)), queries);
        }
        boolean looksUp = !codes.isEmpty() && "pq".startsWith(ONLY);
        for (String parts : looksUp ? codes.split(",") : new String[0]) {
            Screen screen = SampleScreens.codes(v, d, Integer.parseInt(parts), arena);
            screened("pq " + parts, VqHead.of(v, d, x.data(), screen), queries);
        }
    }

    /** Rows of 16-bit floats, whose best token may be another's near equal. */
    private void narrow(DType type, Vectors x, Queries queries) {
        try (Arena own = Arena.ofShared()) {
            long count = (long) x.count() * x.length();
            MemorySegment weight = own.allocate(type.byteSize(count), 64);
            Codecs.of(type).orElseThrow().encode(x.data(), 0, weight, 0, count);
            var head = new VqHead(
                    "rows",
                    x.count(),
                    x.length(),
                    type,
                    weight,
                    Optional.empty(),
                    new Screen.None(),
                    HeadMetadata.of(HeadMethod.DENSE));
            row("dense " + type, head, queries, weight.byteSize(), weight.byteSize());
        }
    }

    private void screened(String name, VqHead head, Queries queries) {
        long screen = head.screen().byteSize();
        row(name, head, queries, screen + 4L * HeadOptions.RERANK * head.d(), screen);
    }

    private void row(String name, VqHead head, Queries queries, long bytes, long screenBytes) {
        try (Arena arena = Arena.ofShared();
                HeadPlan plan = VqLogits.prepare(device, head, HeadOptions.DEFAULT)) {
            int d = head.d();
            int count = QUERIES;
            MemorySegment h = arena.allocateFrom(ValueLayout.JAVA_FLOAT, queries.h());
            MemorySegment ids = arena.allocate(4L * K, 64);
            MemorySegment logits = arena.allocate(4L * K, 64);
            MemorySegment y = arena.allocate(4L * head.v(), 64);
            int[] best = new int[count];
            long[] totals = new long[CALLS];
            double kernel = median(CALLS, call -> {
                KernelTimes times = plan.top(h.asSlice(4L * d * Math.floorMod(call, count), 4L * d), 1, K, ids, logits);
                best[Math.floorMod(call, count)] = ids.get(ValueLayout.JAVA_INT, 0);
                totals[Math.max(call, 0)] = times.total();
                return times.kernel();
            });
            double scores = median(
                    Math.max(1, CALLS / 4),
                    call -> plan.logits(h.asSlice(4L * d * Math.floorMod(call, count), 4L * d), 1, y)
                            .kernel());
            Arrays.sort(totals);
            System.out.printf(
                    Locale.ROOT,
                    "%-11s %8.3f %8.1f %8.1f %9.0f%% %8.1f %9.0f%% %8.1f%n",
                    name,
                    queries.agreement(best),
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
        for (int i = -calls; i < calls; i++) {
            long kernel = call.applyAsLong(i);
            if (i >= 0) {
                nanos[i] = kernel;
            }
        }
        Arrays.sort(nanos);
        return nanos[calls / 2];
    }
}
