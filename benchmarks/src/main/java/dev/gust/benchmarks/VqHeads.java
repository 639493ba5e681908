package dev.gust.benchmarks;

import dev.gust.formats.model.ModelFiles;
import dev.gust.formats.model.ModelInput;
import dev.gust.formats.model.TensorFiles;
import dev.gust.formats.tensor.DType;
import dev.gust.formats.tensor.Shape;
import dev.gust.formats.tensor.Tensor;
import dev.gust.formats.tensor.TensorInfo;
import dev.gust.formats.vqhead.HeadMetadata;
import dev.gust.quantization.vq.HeadRequest;
import dev.gust.quantization.vq.TrainedHead;
import dev.gust.quantization.vq.TrainingRun;
import dev.gust.quantization.vq.Vectors;
import dev.gust.runtime.jvm.JvmDevice;
import dev.gust.runtime.logits.HeadOptions;
import dev.gust.runtime.logits.LogitsHead;
import dev.gust.runtime.logits.Screen;
import dev.gust.runtime.logits.VqHead;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/**
 * Every vector-quantized head on two real matrices: how many of the exact best rows it finds, what a query reads, and queries
 * a second. Heads are written to files and read again, as users have them. Queries are artificial: see {@link NoisyQueries}.
 *
 * <p>Bytes of a query: the screen, and the rows that are multiplied exactly; for clusters the centroids, and rows and numbers
 * of the rows in the clusters that are probed; for a codebook alone the centroids and each row's cluster.
 */
final class VqHeads {
    private static final double[] NOISES = {0.5, 2};
    private static final int QUERIES = 384;
    private static final int TIMED = 48;

    private VqHeads() {}

    /**
     * Measures, prints and plots.
     *
     * @param args the folder for what is fetched and written; a part of a matrix's name or nothing for both; the folder for the
     *     plots or nothing for the first one; and a part of the names of heads or nothing for all, without which there is no plot
     */
    static void print(String... args) throws IOException, InterruptedException {
        Path folder = Path.of(args[0]);
        Path plots = args.length > 2 ? Path.of(args[2]) : folder;
        Files.createDirectories(folder);
        Files.createDirectories(plots);
        String wanted = args.length > 1 ? args[1] : "";
        String heads = args.length > 3 ? args[3] : "";
        try (var device = new JvmDevice();
                Arena arena = Arena.ofShared()) {
            if ("minilm".contains(wanted)) {
                measure(device, "MiniLM", WordVectors.miniLm(arena), folder, plots, heads);
            }
            if ("wink".contains(wanted)) {
                measure(device, "wink", WordVectors.wink(folder, arena), folder, plots, heads);
            }
        }
    }

    private static void measure(JvmDevice device, String name, Vectors x, Path folder, Path plots, String heads)
            throws IOException {
        System.out.printf(
                Locale.ROOT,
                "%n%s [%d, %d], %,d bytes; %d queries = rows + Gaussian noise of 0.5 and 2 deviations; %s%n",
                name,
                x.count(),
                x.length(),
                x.data().byteSize(),
                QUERIES,
                device.info().name());
        System.out.printf(
                "%-15s %-14s %10s %7s %7s | %-31s | %-31s | %8s%n",
                "head",
                "search",
                "bytes",
                "of all",
                "error",
                "0.5: recall@1 8 32 128",
                "2: recall@1 8 32 128",
                "query/s");
        var queries = new ArrayList<NoisyQueries>();
        for (double noise : NOISES) {
            queries.add(NoisyQueries.of(device, x, noise, QUERIES, 7));
        }
        var all = new ArrayList<HeadFigures>();
        for (HeadForm form : HeadForm.all(x.count(), x.length())) {
            if (!form.label().contains(heads)) {
                continue;
            }
            Path file = folder.resolve("head-" + ProcessHandle.current().pid() + ".safetensors");
            double error = train(device, x, form.request(), file);
            for (HeadOptions search : form.searches()) {
                HeadFigures figures = search(device, form, search, file, queries);
                all.add(figures);
                print(figures, error);
            }
            Files.delete(file);
        }
        if (heads.isEmpty()) {
            RecallPlot.write(name, all, plots.resolve("vq-heads-" + name.toLowerCase(Locale.ROOT)));
        }
    }

    /** Trains a head, writes it with its rows to a file, and returns the relative error of its screen. */
    static double train(JvmDevice device, Vectors x, HeadRequest request, Path file) {
        try (Arena scratch = Arena.ofShared()) {
            TrainedHead head = TrainedHead.train(TrainingRun.on(device, scratch), x, request);
            var tensors = new ArrayList<>(head.tensors());
            tensors.add(Tensor.view(new TensorInfo("weight", DType.F32, Shape.of(x.count(), x.length())), x.data()));
            TensorFiles.write(
                    file, tensors, Map.of(HeadMetadata.KEY, head.settings().toString()));
            return head.relativeError();
        }
    }

    private static HeadFigures search(
            JvmDevice device, HeadForm form, HeadOptions search, Path file, List<NoisyQueries> queries) {
        int rerank = search.rerank() > 0 ? search.rerank() : NoisyQueries.MOST;
        int width = Math.min(NoisyQueries.MOST, rerank);
        var recall = new double[NOISES.length][];
        double bytes = 0;
        double denseBytes;
        double rate;
        try (ModelInput input = ModelFiles.open(file.toString());
                LogitsHead head = LogitsHead.of(device, VqHead.read(input.source()), search)) {
            denseBytes = head.head().weight().byteSize();
            for (int i = 0; i < NOISES.length; i++) {
                NoisyQueries set = queries.get(i);
                int[] found = head.top(set.h(), width).ids();
                recall[i] = Arrays.stream(HeadFigures.KS)
                        .mapToDouble(k -> k > width ? Double.NaN : set.recall(found, width, k))
                        .toArray();
                bytes += bytes(head.head(), search, set) / NOISES.length;
            }
            rate = rate(head, queries.getFirst(), Math.min(32, width));
        }
        return new HeadFigures(
                form.family(), form.label(), HeadForm.label(form, search), bytes, denseBytes, recall, rate);
    }

    private static double bytes(VqHead head, HeadOptions search, NoisyQueries queries) {
        long row = 4L * head.d();
        return switch (head.screen()) {
            case Screen.None() -> head.weight().byteSize();
            case Screen.Clusters c ->
                search.search() == HeadOptions.Search.CODEBOOK
                        ? c.byteSize() + c.assignments().byteSize()
                        : c.byteSize() + (row + 4) * candidates(head, c, search.probes(), queries);
            case Screen.Codes c ->
                c.byteSize() + row * (search.rerank() + head.metadata().always().size());
            case Screen.Int4 i ->
                i.byteSize() + row * (search.rerank() + head.metadata().always().size());
            case Screen.LowRank l -> l.byteSize() + row * search.rerank();
        };
    }

    /** Rows in the clusters whose centroids have the greatest products with a query, on average. */
    private static double candidates(VqHead head, Screen.Clusters clusters, int probes, NoisyQueries queries) {
        int[] sizes = new int[clusters.k()];
        for (int row = 0; row < head.v(); row++) {
            sizes[clusters.assignments().getAtIndex(ValueLayout.JAVA_INT_UNALIGNED, row)]++;
        }
        float[] centroids = clusters.centroids().toArray(ValueLayout.JAVA_FLOAT_UNALIGNED);
        long sum = 0;
        for (int query = 0; query < queries.count(); query++) {
            double[] scores = new double[sizes.length];
            for (int code = 0; code < sizes.length; code++) {
                for (int d = 0; d < head.d(); d++) {
                    scores[code] += queries.h()[query * head.d() + d] * centroids[code * head.d() + d];
                }
            }
            double[] sorted = scores.clone();
            Arrays.sort(sorted);
            double least = sorted[Math.max(0, sorted.length - probes)];
            for (int code = 0; code < sizes.length; code++) {
                sum += scores[code] >= least ? sizes[code] : 0;
            }
        }
        return (double) sum / queries.count();
    }

    /** Queries a second, one at a time: of the fastest half, so that other work on the machine counts less. */
    private static double rate(LogitsHead head, NoisyQueries queries, int k) {
        int length = head.head().d();
        double[] seconds = new double[TIMED];
        for (int i = -TIMED / 2; i < TIMED; i++) {
            int query = Math.floorMod(i, queries.count());
            float[] h = Arrays.copyOfRange(queries.h(), query * length, (query + 1) * length);
            long start = System.nanoTime();
            head.top(h, k);
            if (i >= 0) {
                seconds[i] = (System.nanoTime() - start) / 1e9;
            }
        }
        Arrays.sort(seconds);
        return TIMED / 2 / Arrays.stream(seconds, 0, TIMED / 2).sum();
    }

    private static void print(HeadFigures f, double error) {
        System.out.printf(
                Locale.ROOT,
                "%-15s %-14s %10.0f %6.2f%% %7.4f | %s | %s | %8.0f%s%n",
                f.label(),
                f.search(),
                f.bytes(),
                100 * f.share(),
                error,
                recalls(f.recall()[0]),
                recalls(f.recall()[1]),
                f.rate(),
                f.share() < 0.1 && f.worstAt32() >= 0.999 ? " *" : "");
    }

    private static String recalls(double... recall) {
        var text = new StringBuilder();
        for (double r : recall) {
            text.append(Double.isNaN(r) ? "      - " : String.format(Locale.ROOT, "%7.5f ", r));
        }
        return text.toString().stripTrailing();
    }
}
