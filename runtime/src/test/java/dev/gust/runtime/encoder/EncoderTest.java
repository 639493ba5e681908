package dev.gust.runtime.encoder;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.gust.formats.InputException;
import dev.gust.formats.UsageException;
import dev.gust.formats.model.ModelFiles;
import dev.gust.formats.model.ModelInput;
import dev.gust.formats.weight.LogicalModel;
import dev.gust.runtime.attention.Sequences;
import dev.gust.runtime.device.Device;
import dev.gust.runtime.emulator.EmulatorDevice;
import dev.gust.runtime.jvm.JvmDevice;
import dev.gust.runtime.layer.Pooling;
import dev.gust.runtime.scalar.ScalarDevice;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.Consumer;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class EncoderTest {
    private static final List<Device> DEVICES = List.of(new ScalarDevice(), new JvmDevice(), new EmulatorDevice(2));
    private static final Device JVM = DEVICES.get(1);

    @TempDir
    Path folder;

    @AfterAll
    static void close() {
        DEVICES.forEach(Device::close);
    }

    @Test
    void agreesWithFloat64OnEveryDevice() {
        var bert = new TinyBert("");
        Path file = bert.write(folder.resolve("tiny.safetensors"));
        DEVICES.forEach(device -> EncoderConformance.check(device, bert, file, Pooling.Kind.MEAN));
    }

    @Test
    void anotherModulesNameMayBeInFront() {
        var bert = new TinyBert("bert.");
        Path file = bert.write(folder.resolve("tiny.safetensors"));
        EncoderConformance.check(JVM, bert, file, Pooling.Kind.values());
    }

    @Test
    void tellsWhatGoesIntoEveryLinearLayer() {
        var bert = new TinyBert("");
        Path file = bert.write(folder.resolve("tiny.safetensors"));
        List<String> seen = new ArrayList<>();
        int[] text = EncoderConformance.TEXTS[1];
        double[][] inputs = bert.firstInputs(text);
        with(
                file,
                bert.config(),
                encoder ->
                        encoder.embed(text, new Sequences(0, text.length, text.length), (layers, x, rows, columns) -> {
                            seen.addAll(layers);
                            assertThat(x.byteSize()).isEqualTo(4L * rows * columns);
                            assertThat(rows).isEqualTo(layers.contains("pooler.dense") ? 1 : text.length);
                            if (layers.contains("encoder.layer.0.attention.self.query")) {
                                for (int i = 0; i < rows * columns; i++) {
                                    float value = x.getAtIndex(ValueLayout.JAVA_FLOAT, i);
                                    assertThat(Math.abs(value - inputs[i / columns][i % columns]))
                                            .isLessThan(1e-5);
                                }
                            }
                        }));
        assertThat(seen)
                .hasSize(6 * TinyBert.LAYERS + 1)
                .doesNotHaveDuplicates()
                .contains("pooler.dense");
    }

    @Test
    void whatIsNoEncoderIsRefused() {
        refuses(bert -> bert.without("embeddings.word_embeddings.weight"), c -> {}, "word_embeddings");
        refuses(bert -> bert.without("embeddings.position_embeddings.weight"), c -> {}, "position_embeddings");
        refuses(bert -> bert.without("encoder.layer.1.attention.self.value.weight"), c -> {}, "self.value.weight");
        refuses(bert -> bert.without("encoder.layer.0.attention.self.key.lowrank_b"), c -> {}, "self.key.lowrank_a");
        refuses(bert -> bert.without("encoder.layer.1.output.LayerNorm.weight"), c -> {}, "output.LayerNorm.weight");
        refuses(bert -> bert.reshaped("encoder.layer.1.output.dense.weight", 30, 30), c -> {}, "output.dense.weight");
        refuses(bert -> bert.reshaped("encoder.layer.1.output.dense.bias", 29), c -> {}, "output.dense.bias");
        refuses(bert -> bert.reshaped("embeddings.token_type_embeddings.weight", 3, 20), c -> {}, "token_type");
        refuses(bert -> {}, c -> c.put("num_attention_heads", 7), "7 heads");
        refuses(bert -> {}, c -> c.put("model_type", "roberta"), "roberta");
        refuses(bert -> {}, c -> c.put("position_embedding_type", "relative_key"), "relative_key");
        refuses(bert -> {}, c -> c.put("hidden_act", "mish"), "mish");
        refuses(bert -> {}, c -> c.put("layer_norm_eps", -1), "layer_norm_eps");
    }

    private void refuses(Consumer<TinyBert> damage, Consumer<ObjectNode> change, String named) {
        var bert = new TinyBert("");
        damage.accept(bert);
        Path file = bert.write(folder.resolve("bad.safetensors"));
        ObjectNode config = bert.config();
        change.accept(config);
        assertThatThrownBy(() -> with(file, config, e -> {}))
                .isInstanceOf(InputException.class)
                .hasMessageContaining("bad.safetensors")
                .hasMessageContaining(named);
    }

    @Test
    void callsThatDoNotFitAreRefused() {
        var bert = new TinyBert("");
        Path file = bert.write(folder.resolve("tiny.safetensors"));
        assertThatThrownBy(() -> EncoderOptions.DEFAULT.withTokens(0)).isInstanceOf(UsageException.class);
        with(file, bert.config(), encoder -> {
            assertThat(encoder.positions()).isEqualTo(TinyBert.POSITIONS);
            assertThat(encoder.vocabulary()).isEqualTo(TinyBert.WORDS);
            assertThat(encoder.embed(new int[0], new Sequences(0))).isEmpty();
            // A sequence of nothing has no direction.
            assertThat(encoder.embed(new int[0], new Sequences(0, 0))).containsOnly(0);
            assertThatThrownBy(() -> encoder.embed(new int[12], new Sequences(0, 12)))
                    .isInstanceOf(InputException.class)
                    .hasMessageContaining("12 tokens");
            assertThatThrownBy(() -> encoder.embed(new int[30], new Sequences(0, 10, 20, 30)))
                    .isInstanceOf(InputException.class);
            assertThatThrownBy(() -> encoder.embed(new int[2], new Sequences(0, 1)))
                    .isInstanceOf(InputException.class);
            assertThatThrownBy(() -> encoder.embed(new int[] {TinyBert.WORDS}, new Sequences(0, 1)))
                    .isInstanceOf(InputException.class)
                    .hasMessageContaining("23");
            encoder.close();
            assertThatThrownBy(() -> encoder.embed(new int[1], new Sequences(0, 1)))
                    .isInstanceOf(IllegalStateException.class);
        });
    }

    private static void with(Path file, ObjectNode config, Consumer<Encoder> use) {
        try (ModelInput input = ModelFiles.open(file.toString());
                LogicalModel model = LogicalModel.of(input.source(), Optional.empty());
                Encoder encoder =
                        Encoder.load(JVM, model, Optional.of(config), EncoderOptions.DEFAULT.withTokens(24))) {
            use.accept(encoder);
        }
    }
}
