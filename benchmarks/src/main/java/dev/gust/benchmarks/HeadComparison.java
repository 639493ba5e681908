package dev.gust.benchmarks;

import dev.gust.runtime.Devices;
import dev.gust.runtime.device.Device;
import dev.gust.runtime.device.DeviceId;
import dev.gust.runtime.device.DeviceOptions;
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
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/**
 * Output heads on one device, beside the dense product of the same run: queries per second, how often the best token is
 * the dense product's, bytes that a query has to read, and those per second beside a copy.
 */
final class HeadComparison {
    private static final int K = 8;
    private static final int AGREEMENT_QUERIES = 512;
    private static final int ROUNDS = 9;
    private static final long ROUND_NANOS = Long.getLong("gust.heads.nanos", 300_000_000);
    private static final double NOISE = 0.5;

    private final DeviceId id;
    private final DeviceOptions options;
    private final double copy;

    private HeadComparison(DeviceId id, DeviceOptions options, double copy) {
        this.id = id;
        this.options = options;
        this.copy = copy;
    }

    /**
     * Runs and prints.
     *
     * @param args device and matrices, each optional: jvm and the real ones, or others and random ones of their sizes and of
     *     a language model's; {@code V} x {@code D} for a random one, or the JSON of the npm package
     */
    static void print(String... args) throws Exception {
        DeviceId id = DeviceId.parse(args.length > 0 ? args[0] : "jvm");
        DeviceOptions options = DeviceOptions.defaults();
        double copy;
        try (Device device = Devices.open(id, options.withProfiling(true))) {
            System.out.println(device.id() + " " + device.info().name() + ", "
                    + device.info().driver());
            copy = device instanceof KernelDevice kernels
                    ? DeviceCopy.gigabytesPerSecond(kernels, 1 << 27)
                    : HostCopy.gigabytesPerSecond();
        }
        System.out.printf(Locale.ROOT, "copy %.1f GB/s read and written%n", copy);
        var comparison = new HeadComparison(id, options, copy);
        if (args.length > 1) {
            for (int i = 1; i < args.length; i++) {
                comparison.table(matrix(args[i]));
            }
        } else if (id.kind() == DeviceId.Kind.JVM) {
            comparison.table(HeadMatrix.wink());
            comparison.table(HeadMatrix.minilm());
        } else {
            comparison.table(HeadMatrix.synthetic(341_479, 100));
            comparison.table(HeadMatrix.synthetic(30_522, 384));
            comparison.table(HeadMatrix.synthetic(131_072, 1024));
        }
    }

    private static HeadMatrix matrix(String arg) throws Exception {
        if (arg.matches("\\d+x\\d+")) {
            int cross = arg.indexOf('x');
            return HeadMatrix.synthetic(
                    Integer.parseInt(arg.substring(0, cross)), Integer.parseInt(arg.substring(cross + 1)));
        }
        return arg.equals("minilm") ? HeadMatrix.minilm() : HeadMatrix.wink(Path.of(arg));
    }

    private void table(HeadMatrix matrix) {
        int v = matrix.v();
        int d = matrix.d();
        System.out.printf(
                Locale.ROOT, "%n%s [%d, %d], queries are rows and noise of %.1f σ%n", matrix.name(), v, d, NOISE);
        System.out.printf(
                "%-22s %10s %10s %8s %8s %12s %8s %8s%n",
                "head", "us", "queries/s", "× dense", "top-1", "bytes", "GB/s", "of copy");
        MemorySegment rows = SampleScreens.segment(matrix.values());
        float[] queries = matrix.queries(AGREEMENT_QUERIES, NOISE, 11);
        VqHead dense = VqHead.of(v, d, rows, new Screen.None());
        long[] truth = ids(dense, HeadOptions.DEFAULT, queries);
        double base = row("dense", dense, HeadOptions.DEFAULT, queries, truth, 4L * v * d, 0);
        for (int parts : new int[] {Math.ceilDiv(d, 4), Math.ceilDiv(d, 3), Math.ceilDiv(d, 2)}) {
            Screen.Codes codes = matrix.isRandom()
                    ? SampleScreens.anyCodes(v, d, parts)
                    : SampleScreens.pq(matrix.values(), v, d, parts);
            VqHead head = VqHead.of(v, d, rows, codes);
            for (int rerank : matrix.isRandom() ? new int[] {32} : new int[] {32, 128}) {
                row(
                        "pq " + parts + ", rerank " + rerank,
                        head,
                        HeadOptions.DEFAULT.withRerank(rerank),
                        queries,
                        truth,
                        codes.byteSize() + 4L * rerank * d,
                        base);
            }
        }
        Screen.Int4 int4 = SampleScreens.int4(matrix.values(), v, d);
        row(
                "int4, rerank 32",
                VqHead.of(v, d, rows, int4),
                HeadOptions.DEFAULT,
                queries,
                truth,
                int4.byteSize() + 4L * 32 * d,
                base);
    }

    /** Prints a row and returns queries per second. */
    private double row(
            String name, VqHead head, HeadOptions search, float[] queries, long[] truth, long bytes, double base) {
        long[] found = ids(head, search, queries);
        int same = 0;
        for (int i = 0; i < found.length; i++) {
            same += found[i] == truth[i] ? 1 : 0;
        }
        double nanos = nanos(head, search, queries);
        double perSecond = 1e9 / nanos;
        System.out.printf(
                Locale.ROOT,
                "%-22s %10.1f %10.0f %8.2f %8.3f %12d %8.1f %7.0f%%%n",
                name,
                nanos / 1e3,
                perSecond,
                base == 0 ? 1 : perSecond / base,
                (double) same / found.length,
                bytes,
                bytes / nanos,
                100 * bytes / nanos / copy);
        return perSecond;
    }

    /** The best token of each query, all in one call. */
    private long[] ids(VqHead head, HeadOptions search, float[] queries) {
        int m = queries.length / head.d();
        try (Arena arena = Arena.ofShared();
                Device device = Devices.open(id, options);
                HeadPlan plan = VqLogits.prepare(device, head, search)) {
            MemorySegment ids = arena.allocate(4L * m, 64);
            plan.top(arena.allocateFrom(ValueLayout.JAVA_FLOAT, queries), m, 1, ids, arena.allocate(4L * m, 64));
            long[] found = new long[m];
            for (int i = 0; i < m; i++) {
                found[i] = ids.getAtIndex(ValueLayout.JAVA_INT, i);
            }
            return found;
        }
    }

    /** The median over rounds of a call's time: the kernels' on devices that tell, else the whole call's. */
    private double nanos(VqHead head, HeadOptions search, float[] queries) {
        boolean kernels = id.kind() == DeviceId.Kind.TORNADO;
        int d = head.d();
        try (Arena arena = Arena.ofShared();
                Device device = Devices.open(id, options.withProfiling(kernels));
                HeadPlan plan = VqLogits.prepare(device, head, search)) {
            MemorySegment h = arena.allocateFrom(ValueLayout.JAVA_FLOAT, queries);
            MemorySegment ids = arena.allocate(4L * K, 64);
            MemorySegment logits = arena.allocate(4L * K, 64);
            List<Double> rounds = new ArrayList<>();
            int query = 0;
            for (int round = 0; round < ROUNDS + 3; round++) { // the first three warm up
                long start = System.nanoTime();
                long calls = 0;
                long inKernels = 0;
                while (System.nanoTime() - start < ROUND_NANOS) {
                    query = (query + 1) % (queries.length / d);
                    KernelTimes times = plan.top(h.asSlice(4L * query * d, 4L * d), 1, K, ids, logits);
                    inKernels += times.kernel();
                    calls++;
                }
                double total = kernels ? inKernels : System.nanoTime() - start;
                if (round >= 3) {
                    rounds.add(total / calls);
                }
            }
            return rounds.stream().sorted().toList().get(ROUNDS / 2);
        }
    }
}
