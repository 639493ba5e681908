package dev.gust.formats.onnx;

import static dev.gust.formats.onnx.ProtoBuilder.attribute;
import static dev.gust.formats.onnx.ProtoBuilder.counting;
import static dev.gust.formats.onnx.ProtoBuilder.graph;
import static dev.gust.formats.onnx.ProtoBuilder.model;
import static dev.gust.formats.onnx.ProtoBuilder.node;
import static dev.gust.formats.onnx.ProtoBuilder.tensor;
import static org.assertj.core.api.Assertions.assertThat;

import dev.gust.formats.tensor.Tensor;
import dev.gust.formats.tensor.TensorInfo;
import java.io.IOException;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Names and orientations; a weight of 2 x 3 counts 0 to 5, so its orientation shows. */
class WeightRolesTest {
    private static final List<Float> AS_STORED = List.of(0f, 1f, 2f, 3f, 4f, 5f);
    private static final List<Float> TRANSPOSED = List.of(0f, 3f, 1f, 4f, 2f, 5f);

    @TempDir
    Path folder;

    private OnnxFile open(List<ProtoBuilder> nodes, ProtoBuilder... initialisers) throws IOException {
        return open(graph(nodes, List.of(initialisers)));
    }

    private OnnxFile open(ProtoBuilder graph) throws IOException {
        return OnnxFile.open(Files.write(folder.resolve("x.onnx"), model(graph)));
    }

    private static ProtoBuilder matMul(String name, String weight) {
        return node("MatMul", name, List.of("x", weight), "y");
    }

    private static void assertTensor(OnnxFile source, String name, List<Float> values, boolean linear) {
        assertThat(source.tensors()).extracting(TensorInfo::name).contains(name);
        try (Tensor tensor = source.open(name)) {
            assertThat(tensor.data().toArray(ValueLayout.JAVA_FLOAT_UNALIGNED))
                    .as(name)
                    .containsExactly(values.toArray(new Float[0]));
            assertThat(tensor.shape().dim(0)).isEqualTo(values.equals(TRANSPOSED) ? 3 : 2);
            assertThat(tensor.data().isReadOnly()).isTrue();
        }
        assertThat(source.linearWeights().contains(name)).as("linear").isEqualTo(linear);
    }

    @Test
    void matMulGivesNameAndOrientation() throws IOException {
        try (var source = open(
                List.of(matMul("/encoder/layer.0/attention/self/query/MatMul", "onnx::MatMul_812")),
                counting("onnx::MatMul_812", 2, 3))) {
            assertTensor(source, "encoder.layer.0.attention.self.query.weight", TRANSPOSED, true);
            assertThat(source.tensors()).hasSize(1);
        }
    }

    @Test
    void aProperNameStays() throws IOException {
        try (var source = open(List.of(matMul("/a/MatMul", "kernel")), counting("kernel", 2, 3))) {
            assertTensor(source, "kernel", TRANSPOSED, true);
        }
    }

    @Test
    void gemmSaysWhichWayRound() throws IOException {
        try (var source = open(
                List.of(
                        node("Gemm", "/a/Gemm", List.of("x", "1", "2"), "y"),
                        node(
                                "Gemm",
                                "/b/Gemm",
                                List.of("x", "3"),
                                "z",
                                attribute("transB").varint(3, 1)),
                        node(
                                "Gemm",
                                "/c/Gemm",
                                List.of("x", "w"),
                                "v",
                                attribute("transA").varint(3, 1))),
                counting("1", 2, 3),
                counting("2", 2, 3),
                counting("3", 2, 3),
                counting("w", 2, 3))) {
            assertTensor(source, "a.weight", TRANSPOSED, true);
            assertTensor(source, "a.bias", AS_STORED, false);
            assertTensor(source, "b.weight", AS_STORED, true);
            assertTensor(source, "w", TRANSPOSED, true);
        }
    }

    @Test
    void aTransposeOrIdentityOnTheWayCounts() throws IOException {
        ProtoBuilder perm = attribute("perm").varint(8, 1).varint(8, 0);
        try (var source = open(
                List.of(
                        node("Transpose", "/a/Transpose", List.of("onnx::T_1"), "t1", perm),
                        matMul("/a/MatMul", "t1"),
                        node("Identity", "", List.of("onnx::T_2"), "t2"),
                        matMul("/b/MatMul", "t2"),
                        node("Transpose", "", List.of("w"), "t3"),
                        node(
                                "Gemm",
                                "/c/Gemm",
                                List.of("x", "t3"),
                                "v",
                                attribute("transB").varint(3, 1)),
                        node(
                                "Transpose",
                                "",
                                List.of("k"),
                                "t4",
                                attribute("perm").packed(8, 0, 1)),
                        matMul("/d/MatMul", "t4")),
                counting("onnx::T_1", 2, 3),
                counting("onnx::T_2", 2, 3),
                counting("w", 2, 3),
                counting("k", 2, 3))) {
            assertTensor(source, "a.weight", AS_STORED, true);
            assertTensor(source, "b.weight", TRANSPOSED, true);
            assertTensor(source, "w", TRANSPOSED, true);
            assertTensor(source, "k", AS_STORED, false);
        }
    }

    @Test
    void aSharedWeightIsOneTensorNamedByItsFirstUse() throws IOException {
        try (var source = open(
                List.of(matMul("/first/MatMul", "onnx::MatMul_1"), matMul("/second/MatMul", "onnx::MatMul_1")),
                counting("onnx::MatMul_1", 2, 3))) {
            assertTensor(source, "first.weight", TRANSPOSED, true);
            assertThat(source.tensors()).hasSize(1);
        }
    }

    @Test
    void whatOthersUseTooKeepsItsOrientation() throws IOException {
        try (var source = open(
                List.of(
                        matMul("/a/MatMul", "onnx::MatMul_1"),
                        node("Gather", "/g/Gather", List.of("onnx::MatMul_1", "ids"), "e"),
                        matMul("/b/MatMul", "b"),
                        node(
                                "Gemm",
                                "/b/Gemm",
                                List.of("x", "b"),
                                "v",
                                attribute("transB").varint(3, 1)),
                        node("MatMul", "/c/MatMul", List.of("c", "x"), "u"),
                        matMul("/d/MatMul", "onnx::MatMul_4"),
                        node("Gather", "/e/Gather", List.of("e", "ids"), "f"),
                        node("Transpose", "", List.of("e"), "et"),
                        matMul("/e/MatMul", "et")),
                counting("onnx::MatMul_1", 2, 3),
                counting("b", 2, 3),
                counting("c", 2, 3),
                counting("onnx::MatMul_4", 1, 2, 3))) {
            assertTensor(source, "a.weight", AS_STORED, false);
            assertTensor(source, "b", AS_STORED, false);
            assertTensor(source, "c", AS_STORED, false);
            try (Tensor batched = source.open("d.weight")) {
                assertThat(batched.shape().dims()).containsExactly(1, 2, 3);
                assertThat(batched.data().toArray(ValueLayout.JAVA_FLOAT_UNALIGNED))
                        .containsExactly(0, 1, 2, 3, 4, 5);
            }
        }
    }

    /** A tied head: looked up as [vocabulary, hidden], and multiplied by turned around. */
    @Test
    void aTiedEmbeddingIsLinearAsItIs() throws IOException {
        try (var source = open(
                List.of(
                        node("Gather", "/e/Gather", List.of("embedding", "ids"), "f"),
                        node("Transpose", "", List.of("embedding"), "et"),
                        matMul("/head/MatMul", "et")),
                counting("embedding", 2, 3))) {
            assertTensor(source, "embedding", AS_STORED, true);
        }
    }

    @Test
    void aGraphOutputKeepsItsOrientation() throws IOException {
        ProtoBuilder graph = graph(List.of(matMul("/a/MatMul", "w")), List.of(counting("w", 2, 3)))
                .message(11, new ProtoBuilder().text(1, "w"))
                .message(12, new ProtoBuilder().text(1, "w"));
        try (var source = open(graph)) {
            assertTensor(source, "w", AS_STORED, false);
        }
    }

    @Test
    void namesAreMadeUnique() throws IOException {
        try (var source = open(
                List.of(
                        matMul("/a/MatMul", "onnx::MatMul_1"),
                        matMul("/a/MatMul_1", "onnx::MatMul_2"),
                        matMul("/a/MatMul_2", "onnx::MatMul_3"),
                        matMul("/b/MatMul", "onnx::MatMul_4")),
                counting("onnx::MatMul_1", 2, 3),
                counting("onnx::MatMul_2", 2, 3),
                counting("onnx::MatMul_3", 2, 3),
                counting("onnx::MatMul_4", 2, 3),
                counting("b.weight", 2, 3),
                counting("a.weight_2", 2, 3))) {
            assertThat(source.tensors())
                    .extracting(TensorInfo::name)
                    .containsExactly("a.weight", "a.weight_3", "a.weight_4", "b.weight_2", "b.weight", "a.weight_2");
        }
    }

    @Test
    void aNameThatTellsNothingIsKept() throws IOException {
        try (var source = open(
                List.of(
                        matMul("MatMul_7", "onnx::MatMul_1"),
                        matMul("", "onnx::MatMul_2"),
                        matMul("/MatMul", "onnx::MatMul_3"),
                        matMul("/a/other", "onnx::MatMul_4"),
                        node("Add", "/a/Add", List.of("x", "onnx::Add_5"), "y")),
                counting("onnx::MatMul_1", 2, 3),
                counting("onnx::MatMul_2", 2, 3),
                counting("onnx::MatMul_3", 2, 3),
                counting("onnx::MatMul_4", 2, 3),
                counting("onnx::Add_5", 2, 3))) {
            assertTensor(source, "onnx::MatMul_1", TRANSPOSED, true);
            assertTensor(source, "onnx::MatMul_2", TRANSPOSED, true);
            assertTensor(source, "onnx::MatMul_3", TRANSPOSED, true);
            assertTensor(source, "onnx::MatMul_4", TRANSPOSED, true);
            assertTensor(source, "onnx::Add_5", AS_STORED, false);
        }
    }

    /** Bodies see the weights around them, unless they hide the name, and bring weights of their own. */
    @Test
    void bodiesOfBranchesTakePart() throws IOException {
        ProtoBuilder then = graph(
                List.of(matMul("/inner/MatMul", "onnx::MatMul_1"), matMul("/own/MatMul", "w")),
                List.of(counting("w", 2, 3)));
        ProtoBuilder otherwise =
                graph(List.of(matMul("/hidden/MatMul", "u")), List.of()).message(11, new ProtoBuilder().text(1, "u"));
        try (var source = open(
                List.of(node(
                        "If",
                        "/If",
                        List.of("c"),
                        "o",
                        attribute("then_branch").message(6, then),
                        attribute("else_branch").message(11, otherwise))),
                counting("onnx::MatMul_1", 2, 3),
                counting("w", 2, 3),
                counting("u", 2, 3))) {
            assertTensor(source, "inner.weight", TRANSPOSED, true);
            assertTensor(source, "w", AS_STORED, false);
            assertTensor(source, "w_2", TRANSPOSED, true);
            assertTensor(source, "u", AS_STORED, false);
        }
    }

    @Test
    void narrowAndListedWeightsAreTransposedToo() throws IOException {
        try (var source = open(
                List.of(matMul("/a/MatMul", "a"), matMul("/b/MatMul", "b"), matMul("/c/MatMul", "c")),
                tensor("a", OnnxType.INT8, 2, 3).packed(5, 0, 1, 2, 3, 4, 5),
                tensor("b", OnnxType.FLOAT16, 2, 3).bytes(9, new byte[] {0, 9, 1, 9, 2, 9, 3, 9, 4, 9, 5, 9}),
                tensor("c", OnnxType.INT4, 2, 2).bytes(9, new byte[] {0x12, 0x34}))) {
            try (Tensor a = source.open("a");
                    Tensor b = source.open("b");
                    Tensor c = source.open("c")) {
                assertThat(a.data().toArray(ValueLayout.JAVA_BYTE)).containsExactly(0, 3, 1, 4, 2, 5);
                assertThat(b.data().toArray(ValueLayout.JAVA_BYTE)).containsExactly(0, 9, 3, 9, 1, 9, 4, 9, 2, 9, 5, 9);
                assertThat(c.data().toArray(ValueLayout.JAVA_BYTE)).containsExactly(0x12, 0x34);
            }
            assertThat(source.linearWeights()).containsExactly("a", "b");
        }
    }
}
