package dev.gust.quantization.pipeline;

import static org.assertj.core.api.Assertions.assertThat;

import dev.gust.formats.tensor.DType;
import dev.gust.formats.tensor.Shape;
import dev.gust.formats.tensor.TensorInfo;
import dev.gust.formats.weight.LogicalTensor;
import dev.gust.formats.weight.TensorEncoding;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class TensorSelectionTest {
    private static LogicalTensor tensor(String name, DType dtype, long... dims) {
        Shape shape = Shape.of(dims);
        return new LogicalTensor(
                name, shape, new TensorEncoding.Plain(dtype), List.of(new TensorInfo(name, dtype, shape)));
    }

    private static LogicalTensor matrix(String name) {
        return tensor(name, DType.F32, 4, 4);
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "bert.encoder.layer.0.attention.self.query.weight",
                "bert.encoder.layer.0.attention.output.dense.weight",
                "bert.encoder.layer.11.intermediate.dense.weight",
                "bert.pooler.dense.weight",
                "model.layers.0.self_attn.q_proj.weight",
                "model.layers.31.mlp.down_proj.weight",
                "transformer.h.0.attn.c_attn.weight",
                "transformer.h.0.mlp.c_fc.weight",
                "blk.0.attn_output.weight",
                "blk.0.ffn_gate.weight",
                "model.layers.3.mlp.experts.17.w1.weight",
                "model.layers.0.self_attn.kv_a_proj_with_mqa.weight",
                "w"
            })
    void linearWeightsAreQuantized(String name) {
        assertThat(TensorSelection.STANDARD.exemption(matrix(name))).isEmpty();
    }

    @ParameterizedTest
    @CsvSource({
        "bert.embeddings.word_embeddings.weight, embedding",
        "model.embed_tokens.weight, embedding",
        "transformer.wte.weight, embedding",
        "transformer.wpe.weight, embedding",
        "token_embd.weight, embedding",
        "token_types.weight, embedding",
        "shared_embedding, embedding",
        "model.layers.0.input_layernorm.weight, norm",
        "bert.encoder.layer.0.output.LayerNorm.weight, norm",
        "transformer.h.0.ln_1.weight, norm",
        "blk.0.attn_norm.weight, norm",
        "block.0.SelfAttention.relative_attention_bias.weight, bias",
        "x.bias, bias",
        "mlp.experts.gate_up_proj_bias, bias",
        "lm_head.weight, output head",
        "model.lm_head.weight, output head",
        "output.weight, output head",
        "embed_out.weight, embedding"
    })
    void whatCostsMoreThanItsBytesIsCopied(String name, String reason) {
        assertThat(TensorSelection.STANDARD.exemption(matrix(name))).contains(reason);
    }

    @Test
    void onlyFloatMatricesAreQuantized() {
        assertThat(TensorSelection.STANDARD.exemption(tensor("w", DType.F32, 4)))
                .contains("fewer than two dimensions");
        assertThat(TensorSelection.STANDARD.exemption(tensor("w", DType.F32))).contains("fewer than two dimensions");
        assertThat(TensorSelection.STANDARD.exemption(tensor("w", DType.F32, 2, 4, 4)))
                .contains("more than two dimensions");
        for (DType dtype : List.of(DType.I64, DType.U8, DType.BOOL, DType.F8_E4M3)) {
            assertThat(TensorSelection.STANDARD.exemption(tensor("w", dtype, 4, 4)))
                    .contains("not a float tensor");
        }
        for (DType dtype : List.of(DType.F16, DType.BF16, DType.F32, DType.F64)) {
            assertThat(TensorSelection.STANDARD.exemption(tensor("w", dtype, 4, 4)))
                    .isEmpty();
        }
    }

    @Test
    void globsIncludeAndExclude() {
        var selection = new TensorSelection(List.of("*experts*", "lm_head.?eight"), List.of("*.q_proj.*", "*secret*"));
        assertThat(selection.exemption(tensor("mlp.experts.up", DType.BF16, 2, 4, 4)))
                .isEmpty();
        assertThat(selection.exemption(matrix("lm_head.weight"))).isEmpty();
        assertThat(selection.exemption(matrix("lm_head.wweight"))).contains("output head");
        assertThat(selection.exemption(matrix("a.q_proj.weight"))).contains("excluded by name");
        assertThat(selection.exemption(matrix("aq_proj.weight"))).isEmpty();
        // Excluding wins, and including makes no matrix of a vector and no weight of integers.
        assertThat(selection.exemption(matrix("experts.secret"))).contains("excluded by name");
        assertThat(selection.exemption(tensor("experts.x", DType.F32, 4))).contains("fewer than two dimensions");
        assertThat(selection.exemption(tensor("experts.x", DType.I8, 4, 4))).contains("not a float tensor");
    }

    @Test
    void globsTakeEveryOtherCharacterLiterally() {
        for (String name : List.of("a[b]\\E.(w)+$", "𝕨.weight", "two\nlines")) {
            assertThat(new TensorSelection(List.of(), List.of(name)).exemption(matrix(name)))
                    .contains("excluded by name");
            assertThat(new TensorSelection(List.of(), List.of("*")).exemption(matrix(name)))
                    .contains("excluded by name");
        }
        assertThat(new TensorSelection(List.of(), List.of("a.b")).exemption(matrix("axb")))
                .isEmpty();
    }

    @ParameterizedTest
    @ValueSource(strings = {"", ".", "..", "/", "./.", " "})
    void namesWithoutPartsAreNames(String name) {
        assertThat(TensorSelection.STANDARD.exemption(matrix(name))).isEmpty();
    }
}
