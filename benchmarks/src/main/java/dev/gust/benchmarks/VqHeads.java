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
 * a second. Heads are written to files and read again, as users have them; they stay there with what was measured, so that a
 * run goes on where another stopped and one that is complete takes the time anew. Queries are artificial: see {@link NoisyQueries}.
 *
 * <p>Bytes of a query: the screen, and the rows that are multiplied exactly; for clusters the centroids, and rows and numbers
 * of the rows in the clusters that are probed; for a codebook alone the centroids and each row's cluster.
 */
final class VqHeads {
    private static final double[] NOISES = {0.5, 2};
    private static final int QUERIES = 1024;
    /** Seconds of a measurement, and of its warm-up. */
    private static final double TIMED = 0.25;

    /** Queries of a measurement, at least: the first ones are interpreted. */
    private static final int LEAST_TIMED = 96;

    private static final long SEED = 7;

    private VqHeads() {}

    /**
     * Measures, prints, and writes a table and a plot for each matrix.
     *
     * @param args the folder for what is fetched and written; a part of a matrix's name or nothing for both; the folder for
     *     tables and plots or nothing for the first one; and a part of the names of heads or nothing for all, without which neither is written
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
        String title = String.format(
                Locale.ROOT,
                "%s [%d, %d], %,d bytes; %d queries = rows + Gaussian noise of 0.5 and 2 deviations; %s, %d processors",
                name,
                x.count(),
                x.length(),
                x.data().byteSize(),
                QUERIES,
                device.info().name(),
                Runtime.getRuntime().availableProcessors());
        System.out.println("\n" + title);
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
            queries.add(NoisyQueries.of(device, x, noise, QUERIES, SEED));
        }
        var cache =
                new HeadCache(folder, name, QUERIES + " queries, seed " + SEED + ", noises " + Arrays.toString(NOISES));
        var all = new ArrayList<HeadFigures>();
        for (HeadForm form : HeadForm.all(x.count(), x.length())) {
            if (form.label().contains(heads)) {
                all.addAll(measure(device, x, form, cache, queries));
            }
        }
        if (heads.isEmpty()) {
            String file = "vq-heads-" + name.toLowerCase(Locale.ROOT);
            RecallPlot.write(name, all, plots.resolve(file));
            RecallTable.write(title, all, plots.resolve(file + ".md"));
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

    private static List<HeadFigures> measure(
            JvmDevice device, Vectors x, HeadForm form, HeadCache cache, List<NoisyQueries> queries)
            throws IOException {
        Path file = cache.head(device, x, form);
        Map<String, HeadCache.Recalls> known = cache.recalls(form);
        var measured = new ArrayList<HeadFigures>();
        try (ModelInput input = ModelFiles.open(file.toString())) {
            VqHead read = VqHead.read(input.source());
            for (HeadOptions search : form.searches()) {
                String label = HeadForm.label(form, search);
                try (LogitsHead head = LogitsHead.of(device, read, search)) {
                    HeadCache.Recalls recalls = known.get(label);
                    if (recalls == null) {
                        recalls = search(head, search, queries);
                        known.put(label, recalls);
                    }
                    double denseBytes = read.weight().byteSize();
                    double rate = rate(head, queries.getFirst(), Math.min(32, width(search)));
                    var figures = new HeadFigures(
                            form.family(), form.label(), label, recalls.bytes(), denseBytes, recalls.recall(), rate);
                    measured.add(figures);
                    print(figures, cache.error(form));
                }
            }
        }
        cache.keep(form, known);
        return measured;
    }

    /** Tokens to ask for: no more than are multiplied exactly. */
    private static int width(HeadOptions search) {
        return search.rerank() > 0 ? Math.min(NoisyQueries.MOST, search.rerank()) : NoisyQueries.MOST;
    }

    private static HeadCache.Recalls search(LogitsHead head, HeadOptions search, List<NoisyQueries> queries) {
        int width = width(search);
        var recall = new double[queries.size()][];
        double bytes = 0;
        for (int i = 0; i < recall.length; i++) {
            NoisyQueries set = queries.get(i);
            int[] found = head.top(set.h(), width).ids();
            recall[i] = Arrays.stream(HeadFigures.KS)
                    .mapToDouble(k -> k > width ? Double.NaN : set.recall(found, width, k))
                    .toArray();
            bytes += bytes(head.head(), search, set) / recall.length;
        }
        return new HeadCache.Recalls(bytes, recall);
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
        time(head, queries, k);
        double[] seconds = time(head, queries, k);
        Arrays.sort(seconds);
        int half = Math.ceilDiv(seconds.length, 2);
        return half / Arrays.stream(seconds, 0, half).sum();
    }

    /** Seconds of each query, for a while. */
    private static double[] time(LogitsHead head, NoisyQueries queries, int k) {
        int length = head.head().d();
        double[] seconds = new double[queries.count()];
        int count = 0;
        for (double sum = 0; count < seconds.length && (sum < TIMED || count < LEAST_TIMED); sum += seconds[count++]) {
            float[] h = Arrays.copyOfRange(queries.h(), count * length, (count + 1) * length);
            long start = System.nanoTime();
            head.top(h, k);
            seconds[count] = (System.nanoTime() - start) / 1e9;
        }
        return Arrays.copyOf(seconds, count);
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
                f.reachesTheGoal() ? " *" : "");
    }

    private static String recalls(double... recall) {
        var text = new StringBuilder();
        for (double r : recall) {
            text.append(Double.isNaN(r) ? "      - " : String.format(Locale.ROOT, "%7.5f ", r));
        }
        return text.toString().stripTrailing();
    }
}
