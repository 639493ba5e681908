package dev.gust.formats.arrow;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.gust.formats.InputException;
import dev.gust.formats.UsageException;
import dev.gust.formats.file.FileLayout;
import dev.gust.formats.file.FileLayout.Placement;
import dev.gust.formats.file.LayoutWriter;
import dev.gust.formats.tensor.DType;
import dev.gust.formats.tensor.Shape;
import dev.gust.formats.tensor.Tensor;
import dev.gust.formats.tensor.TensorInfo;
import java.lang.foreign.MemorySegment;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.NoSuchElementException;
import java.util.Random;
import org.apache.arrow.memory.RootAllocator;
import org.apache.arrow.vector.ipc.ArrowFileReader;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ArrowFileTest {
    @TempDir
    Path folder;

    static byte[] content(TensorInfo info) {
        byte[] bytes = new byte[(int) info.byteSize()];
        new Random(info.name().hashCode()).nextBytes(bytes);
        return bytes;
    }

    static Path write(Path path, FileLayout layout) {
        try (LayoutWriter writer = LayoutWriter.open(path, layout)) {
            for (Placement placement : layout.placements().reversed()) {
                writer.write(placement.tensor().name(), 0, MemorySegment.ofArray(content(placement.tensor())));
            }
        }
        return path;
    }

    private static void assertHolds(ArrowFile file, List<TensorInfo> tensors) {
        assertThat(file.tensors()).containsExactlyElementsOf(tensors);
        for (TensorInfo info : tensors) {
            try (Tensor tensor = file.open(info.name())) {
                assertThat(tensor.info()).isEqualTo(info);
                assertThat(tensor.data().isReadOnly()).isTrue();
                assertThat(tensor.hasHeaderRoom()).isFalse();
                assertThat(tensor.data().toArray(JAVA_BYTE)).as(info.name()).isEqualTo(content(info));
            }
        }
    }

    @Test
    void everyTypeAndShapeComesBackAsItWas() {
        List<TensorInfo> tensors = ArrowTensorsTest.tensors().toList();
        var metadata = new LinkedHashMap<String, String>();
        metadata.put("general.name", "öl\n\"x\"");
        metadata.put("empty", "");
        metadata.put("a", "b");
        FileLayout layout = ArrowLayout.of(tensors, metadata);
        for (Placement placement : layout.placements()) {
            assertThat(placement.offset() % 64).isZero();
        }
        try (ArrowFile file = ArrowFile.open(write(folder.resolve("all.arrow"), layout))) {
            assertThat(file.format()).isEqualTo("arrow");
            assertThat(file.location()).endsWith("all.arrow");
            assertThat(file.metadata()).containsExactlyEntriesOf(metadata);
            assertHolds(file, tensors);
        }
    }

    @Test
    void aFileWithoutTensorsIsAFile() {
        try (ArrowFile file =
                ArrowFile.open(write(folder.resolve("none.arrow"), ArrowLayout.of(List.of(), Map.of())))) {
            assertThat(file.tensors()).isEmpty();
            assertThat(file.metadata()).isEmpty();
            assertThatExceptionOfType(NoSuchElementException.class).isThrownBy(() -> file.open("x"));
        }
    }

    @Test
    void largeTensorsTakeSeveralColumnsAndAreOneAgain() throws Exception {
        var tensors = List.of(
                new TensorInfo("before", DType.U8, Shape.of(3)),
                new TensorInfo("rows", DType.F32, Shape.of(300, 3)),
                new TensorInfo("flat", DType.F8_E4M3, Shape.of(2, 700)),
                new TensorInfo("packed", DType.F4, Shape.of(1000)),
                new TensorInfo("exact", DType.I8, Shape.of(512)),
                new TensorInfo("fits", DType.I8, Shape.of(256)));
        FileLayout layout = ArrowLayout.of(tensors, Map.of(), 256);
        Path path = write(folder.resolve("parts.arrow"), layout);
        try (ArrowFile file = ArrowFile.open(path)) {
            assertHolds(file, tensors);
        }
        try (var root = new RootAllocator();
                var reader = new ArrowFileReader(FileChannel.open(path), root)) {
            var names = reader.getVectorSchemaRoot().getSchema().getFields().stream()
                    .map(field -> field.getName() + " " + field.getType())
                    .toList();
            assertThat(names)
                    .containsSubsequence(
                            "before arrow.fixed_shape_tensor[3]",
                            "rows/part0 arrow.fixed_shape_tensor[64, 3]",
                            "rows/part4 arrow.fixed_shape_tensor[44, 3]",
                            "exact/part1 arrow.fixed_shape_tensor[256]",
                            "fits arrow.fixed_shape_tensor[256]");
        }
    }

    @Test
    void aTensorMayExceedTwoToThe31() throws Exception {
        var info = new TensorInfo("large", DType.F8_E5M2, Shape.of((1 << 21) + 3, 1031));
        FileLayout layout = ArrowLayout.of(List.of(info), Map.of());
        Path path = folder.resolve("large.arrow");
        // Holes in the file read as zeros, so only what is written takes room on the disk.
        try (LayoutWriter writer = LayoutWriter.open(path, layout)) {
            writer.write("large", info.byteSize() - 1, MemorySegment.ofArray(new byte[] {42}));
        }
        try (ArrowFile file = ArrowFile.open(path)) {
            assertThat(file.tensors()).containsExactly(info);
            try (Tensor tensor = file.open("large")) {
                assertThat(tensor.data().byteSize()).isEqualTo(info.byteSize());
                assertThat(tensor.data().get(JAVA_BYTE, info.byteSize() - 1)).isEqualTo((byte) 42);
                assertThat(tensor.data().get(JAVA_BYTE, info.byteSize() - 2)).isZero();
            }
        }
        Files.delete(path);
    }

    @Test
    void layoutOfALargeModelIsComputedWithoutItsData() {
        var tensors = List.of(
                new TensorInfo("a", DType.F32, Shape.of(1L << 20, 1L << 20)),
                new TensorInfo("b", DType.U8, Shape.of(1)));
        FileLayout layout = ArrowLayout.of(tensors, Map.of());
        assertThat(layout.placements().get(1).offset()
                        - layout.placements().get(0).offset())
                .isEqualTo(4L << 40);
        assertThat(layout.size()).isGreaterThan(4L << 40);
        assertThat(layout.size()
                        - layout.tail().length
                        - layout.placements().get(1).offset())
                .isEqualTo(64);
    }

    @Test
    void namesAreUnique() {
        var info = new TensorInfo("same", DType.U8, Shape.of(1));
        assertThatThrownBy(() -> ArrowLayout.of(List.of(info, info), Map.of()))
                .isInstanceOf(UsageException.class)
                .hasMessageContaining("'same'");
    }

    @Test
    void viewsEndWithTheFile() {
        var info = new TensorInfo("t", DType.F32, Shape.of(16));
        Path path = write(folder.resolve("t.arrow"), ArrowLayout.of(List.of(info), Map.of()));
        ArrowFile file = ArrowFile.open(path);
        Tensor tensor = file.open("t");
        MemorySegment kept = tensor.data();
        assertThatThrownBy(() -> kept.set(JAVA_BYTE, 0, (byte) 1)).isInstanceOf(IllegalArgumentException.class);
        file.close();
        file.close();
        assertThatIllegalStateException().isThrownBy(() -> kept.get(JAVA_BYTE, 0));
        assertThatIllegalStateException().isThrownBy(() -> file.open("t"));
        tensor.close();
    }

    @Test
    void aMappedTensorIsCopiedIntoMemoryWithHeaderRoom() {
        var info = new TensorInfo("t", DType.BF16, Shape.of(4, 5));
        Path path = write(folder.resolve("t.arrow"), ArrowLayout.of(List.of(info), Map.of()));
        try (ArrowFile file = ArrowFile.open(path);
                var allocator = TensorAllocator.unlimited();
                Tensor mapped = file.open("t");
                Tensor copy = allocator.copyOf(mapped)) {
            assertThat(allocator.withHeader(mapped, 16)).isEmpty();
            assertThat(allocator.withHeader(copy, 16)).isPresent();
            assertThat(copy.data().toArray(JAVA_BYTE)).isEqualTo(content(info));
        }
    }

    @Test
    void whatIsNoFileIsRefused() throws Exception {
        Path missing = folder.resolve("missing.arrow");
        assertThatThrownBy(() -> ArrowFile.open(missing))
                .isInstanceOf(InputException.class)
                .hasMessageContaining("missing.arrow");
        assertThatThrownBy(() -> ArrowFile.open(folder)).isInstanceOf(InputException.class);
        Path empty = Files.createFile(folder.resolve("empty.arrow"));
        assertThatThrownBy(() -> ArrowFile.open(empty))
                .isInstanceOf(InputException.class)
                .hasMessageContaining("no Arrow file");
        Path text = Files.writeString(folder.resolve("text.arrow"), "This is no Arrow file, is it?");
        assertThatThrownBy(() -> ArrowFile.open(text))
                .isInstanceOf(InputException.class)
                .hasMessageContaining("no Arrow file");
    }
}
