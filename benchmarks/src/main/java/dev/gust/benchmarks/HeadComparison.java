package dev.gust.benchmarks;

import dev.gust.formats.model.ModelFiles;
import dev.gust.formats.model.ModelInput;
import dev.gust.formats.vqhead.HeadMethod;
import dev.gust.quantization.vq.HeadRequest;
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
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Locale;

/**
 * The speed of output heads on one device, beside the dense product of the same run: queries per second one at a time, how
 * often the best token is the dense product's, bytes that a query has to read, and those per second beside a copy.
 */
final class HeadComparison {
    private static final int K = 8;
    private static final int QUERIES = 512;
    private static final double NOISE = 0.5;
    private static final int ROUNDS = 9;
    private static final int WARM_UP = 3;
    private static final long ROUND_NANOS = Long.getLong("gust.heads.nanos", 300_000_000);

    private final DeviceId id;
    private final DeviceOptions options;
    private final double copy;
    private double dense;

    private HeadComparison(DeviceId id, DeviceOptions options, double copy) {
        this.id = id;
        this.options = options;
        this.copy = copy;
    }

    /**
     * Runs and prints.
     *
     * @param args device and matrices: {@code minilm}, a folder that is there, for npm's word vectors, or sizes {@code VxD} of a random one.
     *     Without them, random ones of the sizes of both and a larger one; random codes find nothing, so that the best token is
     *     rarely right.
     */
    static void print(String... args) throws IOException, InterruptedException {
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
        String[] matrices = args.length > 1
                ? Arrays.copyOfRange(args, 1, args.length)
                : new String[] {"341479x100", "30522x384", "131072x1024"};
        for (String matrix : matrices) {
            try (Arena arena = Arena.ofShared();
                    var host = new JvmDevice()) {
                comparison.table(host, matrix, arena);
            }
        }
    }

    private void table(JvmDevice host, String matrix, Arena arena) throws IOException, InterruptedException {
        boolean random = matrix.matches("\\d+x\\d+");
        Vectors x;
        if (random) {
            int cross = matrix.indexOf('x');
            x = SampleScreens.rows(
                    Integer.parseInt(matrix.substring(0, cross)), Integer.parseInt(matrix.substring(cross + 1)), arena);
        } else {
            x = matrix.equals("minilm") ? WordVectors.miniLm(arena) : WordVectors.wink(existing(matrix), arena);
        }
        int v = x.count();
        int d = x.length();
        System.out.printf(
                Locale.ROOT,
                "%n%s [%d, %d], queries are rows and noise of %.1f σ, k = %d%n",
                random ? "random" : matrix,
                v,
                d,
                NOISE,
                K);
        System.out.printf(
                "%-22s %10s %10s %8s %8s %12s %8s %8s%n",
                "head", "us", "queries/s", "× dense", "top-1", "bytes", "GB/s", "of copy");
        NoisyQueries queries = NoisyQueries.of(host, x, NOISE, QUERIES, 11);
        dense = 0;
        dense = row(
                "dense",
                VqHead.of(v, d, x.data(), new Screen.None()),
                HeadOptions.DEFAULT,
                queries,
                x.data().byteSize());
        for (int width : new int[] {4, 3, 2}) {
            int parts = Math.ceilDiv(d, width);
            String label = "pq " + parts;
            if (random) {
                VqHead head = VqHead.of(v, d, x.data(), SampleScreens.codes(v, d, parts, arena));
                screened(label, head, queries, HeadOptions.RERANK);
            } else {
                trained(host, x, label, HeadRequest.of(HeadMethod.PQ, 1).withParts(parts), queries, 32, 128, 256);
            }
        }
        trained(host, x, "int4", HeadRequest.of(HeadMethod.INT4, 1), queries, HeadOptions.RERANK);
    }

    /** A name that was mistyped would be a folder to load a hundred megabytes into. */
    private static Path existing(String folder) {
        Path path = Path.of(folder);
        if (!Files.isDirectory(path)) {
            throw new IllegalArgumentException(
                    "no matrix '" + folder + "': give minilm, sizes such as 30522x384, or a folder that is there");
        }
        return path;
    }

    private void trained(
            JvmDevice host, Vectors x, String label, HeadRequest request, NoisyQueries queries, int... reranks)
            throws IOException {
        Path file = Files.createTempFile("head", ".safetensors");
        try {
            VqHeads.train(host, x, request, file);
            try (ModelInput input = ModelFiles.open(file.toString())) {
                screened(label, VqHead.read(input.source()), queries, reranks);
            }
        } finally {
            Files.delete(file);
        }
    }

    private void screened(String label, VqHead head, NoisyQueries queries, int... reranks) {
        for (int rerank : reranks) {
            row(
                    label + ", rerank " + rerank,
                    head,
                    HeadOptions.DEFAULT.withRerank(rerank),
                    queries,
                    head.screen().byteSize() + 4L * rerank * head.d());
        }
    }

    /** Prints a row and returns queries per second. */
    private double row(String name, VqHead head, HeadOptions search, NoisyQueries queries, long bytes) {
        double agreement;
        try (Device device = Devices.open(id, options);
                LogitsHead all = LogitsHead.of(device, head, search)) {
            agreement = queries.recall(all.top(queries.h(), 1).ids(), 1, 1);
        }
        double nanos = nanos(head, search, queries.h());
        double perSecond = 1e9 / nanos;
        System.out.printf(
                Locale.ROOT,
                "%-22s %10.1f %10.0f %8.2f %8.3f %12d %8.1f %7.0f%%%n",
                name,
                nanos / 1e3,
                perSecond,
                dense == 0 ? 1 : perSecond / dense,
                agreement,
                bytes,
                bytes / nanos,
                100 * bytes / nanos / copy);
        return perSecond;
    }

    /** The median over rounds of a call's mean time: the kernels' on devices that tell it, else the whole call's. */
    private double nanos(VqHead head, HeadOptions search, float[] queries) {
        boolean kernels = id.kind() == DeviceId.Kind.TORNADO;
        int d = head.d();
        double[] rounds = new double[ROUNDS];
        try (Arena arena = Arena.ofShared();
                Device device = Devices.open(id, options.withProfiling(kernels));
                HeadPlan plan = VqLogits.prepare(device, head, search)) {
            MemorySegment h = arena.allocateFrom(ValueLayout.JAVA_FLOAT, queries);
            MemorySegment ids = arena.allocate(4L * K, 64);
            MemorySegment logits = arena.allocate(4L * K, 64);
            int query = 0;
            for (int round = -WARM_UP; round < ROUNDS; round++) {
                long start = System.nanoTime();
                long calls = 0;
                long inKernels = 0;
                while (System.nanoTime() - start < ROUND_NANOS) {
                    query = (query + 1) % (queries.length / d);
                    KernelTimes times = plan.top(h.asSlice(4L * query * d, 4L * d), 1, K, ids, logits);
                    inKernels += times.kernel();
                    calls++;
                }
                long elapsed = kernels ? inKernels : System.nanoTime() - start;
                if (round >= 0) {
                    rounds[round] = (double) elapsed / calls;
                }
            }
        }
        Arrays.sort(rounds);
        return rounds[ROUNDS / 2];
    }
}
