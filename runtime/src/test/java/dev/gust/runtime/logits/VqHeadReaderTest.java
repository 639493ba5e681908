package dev.gust.runtime.logits;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.gust.formats.InputException;
import dev.gust.formats.file.LayoutWriter;
import dev.gust.formats.model.ModelFiles;
import dev.gust.formats.model.ModelInput;
import dev.gust.formats.safetensors.SafetensorsLayout;
import dev.gust.formats.tensor.DType;
import dev.gust.formats.tensor.Shape;
import dev.gust.formats.tensor.Tensor;
import dev.gust.formats.tensor.TensorInfo;
import dev.gust.formats.vqhead.HeadMetadata;
import dev.gust.formats.vqhead.HeadMethod;
import dev.gust.runtime.device.Device;
import dev.gust.runtime.jvm.JvmDevice;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Head files, good and bad. */
class VqHeadReaderTest {
    private static final int V = 9;
    private static final int D = 4;

    @TempDir
    Path folder;

    private final List<Tensor> tensors = new ArrayList<>();

    private VqHeadReaderTest with(String name, DType type, MemorySegment data, long... dims) {
        tensors.removeIf(t -> t.name().equals(name));
        tensors.add(Tensor.view(new TensorInfo(name, type, Shape.of(dims)), data));
        return this;
    }

    private VqHeadReaderTest with(VqHead head) {
        with("head.weight", head.type(), head.weight(), head.v(), head.d());
        head.bias().ifPresent(b -> with("bias", DType.F32, b, head.v()));
        switch (head.screen()) {
            case Screen.None() -> {}
            case Screen.Clusters c -> {
                with("centroids", DType.F32, c.centroids(), c.k(), head.d());
                with("assignments", DType.I32, c.assignments(), head.v());
            }
            case Screen.Codes c -> {
                with("codebooks", DType.F32, c.codebooks(), c.s(), c.c(), c.w());
                with("codes", DType.U8, c.codes(), head.v(), c.s());
            }
            case Screen.Int4 i -> {
                with("codes", DType.U8, i.codes(), head.v(), i.width() / 2);
                with("scales", DType.F16, i.scales(), head.v(), i.width() / 32);
            }
            case Screen.LowRank l -> {
                with("factor_a", DType.F32, l.a(), head.v(), l.r());
                with("factor_b", DType.F32, l.b(), l.r(), head.d());
            }
        }
        return this;
    }

    private Path write(Map<String, String> metadata) {
        Path file = folder.resolve("head.safetensors");
        var layout = SafetensorsLayout.of(tensors.stream().map(Tensor::info).toList(), metadata);
        try (LayoutWriter writer = LayoutWriter.open(file, layout)) {
            for (Tensor tensor : tensors) {
                writer.write(tensor.name(), 0, tensor.data());
            }
        }
        return file;
    }

    private void refused(Map<String, String> metadata, String... parts) {
        Path file = write(metadata);
        assertThatThrownBy(() -> {
                    try (ModelInput input = ModelFiles.open(file.toString())) {
                        VqHead.read(input.source());
                    }
                })
                .isInstanceOf(InputException.class)
                .hasMessageContainingAll(parts)
                .hasMessageContaining("head.safetensors");
    }

    @ParameterizedTest
    @EnumSource(HeadMethod.class)
    void whatIsWrittenIsReadWithAndWithoutMetadata(HeadMethod method) {
        VqHead head = SampleHeads.of(method, DType.BF16, 101, 40, 3);
        String json = new HeadMetadata(method, 11, 3).json().toString();
        float[] h = SampleHeads.gaussian(40, new java.util.SplittableRandom(2));
        for (Map<String, String> metadata : List.of(Map.of(HeadMetadata.KEY, json), Map.<String, String>of())) {
            Path file = with(head).write(metadata);
            try (Device device = new JvmDevice();
                    LogitsHead read = LogitsHead.load(device, file.toString());
                    LogitsHead made = LogitsHead.of(
                            device,
                            head,
                            HeadOptions.DEFAULT
                                    .withRerank(read.head().metadata().rerank())
                                    .withProbes(read.head().metadata().probes()))) {
                if (!metadata.isEmpty()) {
                    assertThat(read.head().metadata()).isEqualTo(new HeadMetadata(method, 11, 3));
                }
                assertThat(read.top(h, 5).ids()).containsExactly(made.top(h, 5).ids());
            }
        }
    }

    @Test
    void filesThatContradictThemselvesAreRefused() {
        VqHead good = SampleHeads.of(HeadMethod.PQ, V, D, 3);
        with(good);
        with("codes", DType.U8, MemorySegment.ofArray(new byte[V * 3]), V, 3);
        refused(Map.of(), "'codes'", "[9, 3]");
        with(SampleHeads.of(HeadMethod.PQ, V, D, 3));
        with("codebooks", DType.F32, SampleHeads.floats(new float[2 * 3 * 2]), 2, 3, 2);
        refused(Map.of(), "'codes'", "names entry");
        with("codebooks", DType.F32, SampleHeads.floats(new float[2 * 257 * 2]), 2, 257, 2);
        refused(Map.of(), "'codebooks'", "256 entries");
        with("codebooks", DType.F32, SampleHeads.floats(new float[2 * 256 * 3]), 2, 256, 3);
        refused(Map.of(), "'codebooks'", "3 columns");
        with("codebooks", DType.F32, SampleHeads.floats(new float[0]), 2, 0, 2);
        refused(Map.of(), "'codebooks'");
    }

    @Test
    void clustersOutOfRangeAndNumbersThatAreNoneAreRefused() {
        with(SampleHeads.of(HeadMethod.KMEANS, V, D, 3));
        with("assignments", DType.I32, SampleHeads.ints(0, 0, 0, -1, 0, 0, 0, 0, 0), V);
        refused(Map.of(), "'assignments'", "token 3", "cluster -1");
        with("assignments", DType.I32, SampleHeads.ints(new int[V]), V);
        with("head.weight", DType.F32, SampleHeads.floats(new float[V * D - 1]), 1, V * D - 1);
        refused(Map.of(), "'centroids'");
        float[] infinite = new float[V * D];
        infinite[7] = Float.POSITIVE_INFINITY;
        with("head.weight", DType.F32, SampleHeads.floats(infinite), V, D);
        refused(Map.of(), "'weight'", "Infinity at element 7");
        byte[] halves = new byte[2 * V * D];
        halves[3] = 0x7E; // a NaN
        with("head.weight", DType.F16, MemorySegment.ofArray(halves), V, D);
        refused(Map.of(), "'weight'", "NaN at element 1");
        with("head.weight", DType.F32, SampleHeads.floats(new float[0]), 0, D);
        refused(Map.of(), "assignments");
    }

    @Test
    void metadataThatLiesIsRefused() {
        with(SampleHeads.of(HeadMethod.PQ, V, D, 3));
        refused(Map.of(HeadMetadata.KEY, "{\"method\": \"magic\"}"), "'magic'", "pq");
        refused(Map.of(HeadMetadata.KEY, "{"), "JSON");
        refused(Map.of(HeadMetadata.KEY, "[]"), "no JSON object");
        refused(Map.of(HeadMetadata.KEY, "{\"method\": \"pq\", \"version\": 2}"), "version 2");
        refused(Map.of(HeadMetadata.KEY, "{\"method\": \"pq\", \"rerank\": -4}"), "'rerank' -4");
        refused(Map.of(HeadMetadata.KEY, "{\"method\": \"int4\"}"), "'codes'");
        refused(Map.of(HeadMetadata.KEY, "{\"method\": \"kmeans\"}"), "'centroids'", "missing");
    }
}
