package dev.gust.formats.huggingface;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import dev.gust.formats.InputException;
import dev.gust.formats.UsageException;
import dev.gust.formats.file.ParserFuzz;
import dev.gust.formats.file.SafetensorsFixture;
import dev.gust.formats.tensor.DType;
import dev.gust.formats.tensor.Shape;
import dev.gust.formats.tensor.Tensor;
import dev.gust.formats.tensor.TensorInfo;
import java.io.IOException;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.NoSuchElementException;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class HuggingFaceFolderTest {
    private static final String FIRST = Shard.fileName(1, 2);
    private static final String SECOND = Shard.fileName(2, 2);

    @TempDir
    Path folder;

    @BeforeEach
    void writeConfig() throws IOException {
        write("config.json", "{\"model_type\": \"bert\", \"limits\": [0.0, Infinity]}");
    }

    private void write(String name, String text) throws IOException {
        Files.writeString(folder.resolve(name), text);
    }

    private void weights(String name, String... tensors) {
        var fixture = new SafetensorsFixture().metadata("format", "pt").metadata("file", name);
        for (String tensor : tensors) {
            fixture.floats(tensor, new float[] {tensor.length(), 2});
        }
        fixture.write(folder.resolve(name));
    }

    private void index(String weightMap) throws IOException {
        write(ShardIndex.FILE, "{\"metadata\":{\"total_size\":24},\"weight_map\":" + weightMap + "}");
    }

    private void assertRefused(String... reasons) {
        assertThatExceptionOfType(InputException.class)
                .isThrownBy(() -> HuggingFaceFolder.open(folder).close())
                .satisfies(e ->
                        assertThat(e.getMessage()).startsWith(folder.toString()).contains(reasons));
    }

    @Test
    void opensASingleFile() {
        weights(Shard.SINGLE, "a", "bb");
        try (var source = HuggingFaceFolder.open(folder)) {
            assertThat(source.format()).isEqualTo("huggingface");
            assertThat(source.location()).isEqualTo(folder.toString());
            assertThat(source.tensors()).extracting(TensorInfo::name).containsExactly("a", "bb");
            assertThat(source.shards()).containsExactly(new Shard(Shard.SINGLE, source.tensors()));
            assertThat(source.metadata()).containsEntry("format", "pt");
            assertThat(source.config().orElseThrow().path("model_type").asText())
                    .isEqualTo("bert");
            source.config().orElseThrow().removeAll();
            assertThat(source.config().orElseThrow()).isNotEmpty();
            assertThat(source.find("bb")).contains(new TensorInfo("bb", DType.F32, Shape.of(2)));
            try (Tensor tensor = source.open("bb")) {
                assertThat(tensor.data().toArray(ValueLayout.JAVA_FLOAT_UNALIGNED))
                        .containsExactly(2, 2);
            }
            assertThatExceptionOfType(NoSuchElementException.class).isThrownBy(() -> source.open("c"));
        }
    }

    @Test
    void opensAFolderWithoutConfig() throws IOException {
        weights(Shard.SINGLE, "a");
        Files.delete(folder.resolve("config.json"));
        try (var source = HuggingFaceFolder.open(folder)) {
            assertThat(source.config()).isEmpty();
        }
    }

    @Test
    void opensShards() throws IOException {
        weights(SECOND, "a", "ccc");
        weights(FIRST, "bb");
        index("{\"ccc\":\"%2$s\",\"bb\":\"%1$s\",\"a\":\"%2$s\"}".formatted(FIRST, SECOND));
        try (var source = HuggingFaceFolder.open(folder)) {
            assertThat(source.shards()).extracting(Shard::file).containsExactly(FIRST, SECOND);
            assertThat(source.tensors()).extracting(TensorInfo::name).containsExactly("bb", "a", "ccc");
            assertThat(source.metadata()).containsEntry("file", FIRST);
            for (TensorInfo info : source.tensors()) {
                try (Tensor tensor = source.open(info.name())) {
                    assertThat(tensor.data().get(ValueLayout.JAVA_FLOAT_UNALIGNED, 0))
                            .isEqualTo(info.name().length());
                }
            }
            write(ShardIndex.FILE, ShardIndex.render(source.shards()));
        }
        HuggingFaceFolder.open(folder).close();
    }

    @Test
    void takesTheOnlyFileWhateverItsName() {
        weights("adapter.safetensors", "a");
        try (var source = HuggingFaceFolder.open(folder)) {
            assertThat(source.shards()).extracting(Shard::file).containsExactly("adapter.safetensors");
        }
    }

    @Test
    void refusesAFolderThatIsUnclear() throws IOException {
        assertRefused("holds no .safetensors file");
        weights("b.safetensors", "b");
        weights("a.safetensors", "a");
        assertRefused("holds 2 .safetensors files", "a.safetensors, b.safetensors", ShardIndex.FILE);
        assertThatExceptionOfType(InputException.class)
                .isThrownBy(() -> HuggingFaceFolder.open(folder.resolve("a.safetensors")))
                .withMessageContaining("is not a folder");
    }

    @Test
    void refusesAMissingShard() throws IOException {
        weights(FIRST, "a");
        index("{\"a\":\"%s\",\"b\":\"%s\"}".formatted(FIRST, SECOND));
        assertRefused(ShardIndex.FILE, "shard '" + SECOND + "' is missing");
    }

    @Test
    void refusesATensorMissingFromItsShard() throws IOException {
        weights(FIRST, "a");
        index("{\"a\":\"%1$s\",\"b\":\"%1$s\"}".formatted(FIRST));
        assertRefused("tensor 'b'", "is not in its shard '" + FIRST + "'");
    }

    @Test
    void refusesATensorMissingFromTheIndex() throws IOException {
        weights(FIRST, "a", "b");
        index("{\"a\":\"%s\"}".formatted(FIRST));
        assertRefused("tensor 'b'", "the index does not list it");
    }

    @Test
    void refusesATensorInTwoShards() throws IOException {
        weights(FIRST, "a");
        weights(SECOND, "a", "b");
        index("{\"a\":\"%s\",\"b\":\"%s\"}".formatted(FIRST, SECOND));
        assertRefused("tensor 'a'", "is in shard '" + SECOND + "', but the index says '" + FIRST + "'");
    }

    @Test
    void refusesADuplicateKey() throws IOException {
        weights(FIRST, "a");
        index("{\"a\":\"%1$s\",\"a\":\"%1$s\"}".formatted(FIRST));
        assertRefused(ShardIndex.FILE, "Duplicate field 'a'");
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "../x.safetensors",
                "/x.safetensors",
                "sub/x.safetensors",
                "..\\\\x.safetensors",
                "C:x.safetensors",
                ".safetensors",
                "..safetensors",
                ".hidden.safetensors",
                "x\\u0000.safetensors",
                "x\\n.safetensors",
                "x.bin",
                "x.safetensors/",
                ""
            })
    void refusesNamesThatLeaveTheFolder(String name) throws IOException {
        index("{\"a\":\"" + name + "\"}");
        assertRefused("tensor 'a'", "is not the name of a safetensors file in the same folder");
    }

    @ParameterizedTest
    @ValueSource(strings = {"[]", "{\"a\":1}", "{\"a\":null}", "{\"a\":{\"b\":\"x.safetensors\"}}", "\"x\""})
    void refusesAMapOfSomethingElse(String map) throws IOException {
        index(map);
        assertRefused(ShardIndex.FILE);
    }

    @ParameterizedTest
    @ValueSource(strings = {"", "[]", "{", "{} {}", "{\"a\":1,\"a\":2}", "\u0000", "{\"a\":"})
    void refusesABadConfig(String json) throws IOException {
        weights(Shard.SINGLE, "a");
        write("config.json", json);
        assertRefused("config.json");
        write("config.json", "{\"a\":" + "[".repeat(100_000));
        assertRefused("config.json", "nesting depth");
        Files.write(folder.resolve("config.json"), new byte[] {'{', '"', (byte) 0xC0, (byte) 0xAF, '"', '}'});
        assertRefused("config.json", "is not UTF-8");
    }

    /** The hub's cache is made of links into a store of blobs. */
    @Test
    void followsLinksToFiles() throws IOException {
        weights(Shard.SINGLE, "a");
        Path store = Files.createDirectory(folder.resolve("store"));
        Path snapshot = Files.createDirectory(folder.resolve("snapshot"));
        Files.move(folder.resolve(Shard.SINGLE), store.resolve("blob"));
        Files.createSymbolicLink(snapshot.resolve(Shard.SINGLE), Path.of("../store/blob"));
        try (var source = HuggingFaceFolder.open(snapshot)) {
            assertThat(source.tensors()).hasSize(1);
        }
    }

    @Test
    void carriesWhatACopyNeeds() throws IOException {
        weights(Shard.SINGLE, "a");
        List<String> wanted = List.of(
                "LICENSE",
                "README.md",
                "added_tokens.json",
                "chat_template.jinja",
                "generation_config.json",
                "merges.txt",
                "modeling_x.py",
                "preprocessor_config.json",
                "special_tokens_map.json",
                "tokenizer.json",
                "tokenizer.model",
                "tokenizer_config.json",
                "vocab.txt");
        for (String name : wanted) {
            write(name, "x");
        }
        for (String name : List.of(
                ".gitattributes",
                ".tokenizer.json",
                "pytorch_model.bin",
                "model.onnx",
                "tokenizer.safetensors",
                "pytorch_model.bin.index.json",
                "hf_quant_config.json",
                "notes.txt")) {
            write(name, "x");
        }
        Files.createDirectory(folder.resolve("tokenizer"));
        try (var source = HuggingFaceFolder.open(folder)) {
            assertThat(source.carriedFiles())
                    .containsExactlyElementsOf(
                            wanted.stream().map(folder::resolve).toList());
        }
    }

    @Test
    void rendersTheIndexAlwaysAlike() {
        var one = new Shard(FIRST, List.of(new TensorInfo("z\"", DType.F32, Shape.of(3))));
        var two = new Shard(SECOND, List.of(new TensorInfo("a", DType.F16, Shape.of(2, 2))));
        String json = ShardIndex.render(List.of(one, two));
        assertThat(json).isEqualTo("""
                        {
                          "metadata": {
                            "total_size": 20
                          },
                          "weight_map": {
                            "a": "model-00002-of-00002.safetensors",
                            "z\\"": "model-00001-of-00002.safetensors"
                          }
                        }
                        """);
        assertThat(ShardIndex.render(List.of(two, one))).isEqualTo(json);
        assertThatExceptionOfType(UsageException.class)
                .isThrownBy(() -> ShardIndex.render(List.of(one, new Shard(SECOND, one.tensors()))));
    }

    @Test
    void survivesADamagedIndex() throws IOException {
        weights(FIRST, "encoder.weight");
        weights(SECOND, "encoder.bias", "head");
        index("{\"encoder.weight\":\"%1$s\",\"encoder.bias\":\"%2$s\",\"head\":\"%2$s\"}".formatted(FIRST, SECOND));
        Path file = folder.resolve(ShardIndex.FILE);
        byte[] good = Files.readAllBytes(file);
        int refused = ParserFuzz.run(good, file, 42, 2000, 2 << 20, path -> HuggingFaceFolder.open(folder));
        assertThat(refused).isBetween(500, 1999);
    }
}
