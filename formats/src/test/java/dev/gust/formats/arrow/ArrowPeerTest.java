package dev.gust.formats.arrow;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_FLOAT_UNALIGNED;
import static java.lang.foreign.ValueLayout.JAVA_SHORT_UNALIGNED;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.gust.formats.InputException;
import dev.gust.formats.file.LayoutWriter;
import dev.gust.formats.tensor.DType;
import dev.gust.formats.tensor.Shape;
import dev.gust.formats.tensor.Tensor;
import dev.gust.formats.tensor.TensorInfo;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Our files read by Arrow's own classes, theirs read by ours: see {@link ArrowPeer}. */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class ArrowPeerTest {
    private Path folder = Path.of("");
    private List<String> said = List.of();

    @BeforeAll
    void runThePeer(@TempDir Path temporary) throws Exception {
        folder = temporary;
        var tensors = List.of(
                new TensorInfo("floats", DType.F32, Shape.of(2, 2)),
                new TensorInfo("codes", DType.F4, Shape.of(2, 4)),
                new TensorInfo("brain", DType.BF16, Shape.of(3)),
                new TensorInfo("none", DType.I64, Shape.of(0, 3)),
                new TensorInfo("scalar", DType.I64, Shape.of()));
        try (LayoutWriter writer =
                LayoutWriter.open(folder.resolve("gust.arrow"), ArrowLayout.of(tensors, Map.of("k", "v")))) {
            writer.write("floats", 0, bytes(MemorySegment.ofArray(new float[] {1, -2, 0.5f, 4})));
            writer.write("codes", 0, bytes(MemorySegment.ofArray(new byte[] {1, 2, 3, 4})));
            writer.write("brain", 0, bytes(MemorySegment.ofArray(new short[] {'A', 'B', 'C'})));
            writer.write("scalar", 0, bytes(MemorySegment.ofArray(new long[] {-7})));
        }
        Path output = folder.resolve("output.txt");
        Process peer = new ProcessBuilder(
                        Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                        "-Xmx256m",
                        "--add-opens=java.base/java.nio=ALL-UNNAMED",
                        "--sun-misc-unsafe-memory-access=allow",
                        "--enable-native-access=ALL-UNNAMED",
                        "-Dorg.slf4j.simpleLogger.defaultLogLevel=error",
                        "-cp",
                        System.getProperty("surefire.test.class.path", System.getProperty("java.class.path")),
                        ArrowPeer.class.getName(),
                        folder.toString())
                .redirectErrorStream(true)
                .redirectOutput(output.toFile())
                .start();
        int exit = peer.waitFor();
        said = Files.readAllLines(output);
        assertThat(exit).as("%s", said).isZero();
        assertThat(said).last().isEqualTo("done");
    }

    /** Only byte arrays can be seen as the buffers that a channel takes. */
    private static MemorySegment bytes(MemorySegment array) {
        return MemorySegment.ofArray(array.toArray(JAVA_BYTE));
    }

    @Test
    void arrowsOwnReaderSeesOurNumbers() {
        // Arrow's Java takes 16-bit unsigned integers for characters.
        assertThat(said)
                .contains(
                        "floats|FLOAT4|{\"shape\":[2,2]}|1|[1.0,-2.0,0.5,4.0]",
                        "codes|UINT1|{\"shape\":[2,2]}|1|[1,2,3,4]",
                        "brain|UINT2|{\"shape\":[3]}|1|[\"A\",\"B\",\"C\"]",
                        "none|BIGINT|{\"shape\":[0,3]}|1|[]",
                        "scalar|BIGINT|{\"shape\":[]}|1|[-7]");
    }

    @Test
    void arrowsOwnCDataInterfaceTakesOurTensorsAndGivesUsItsVectors() {
        assertThat(said)
                .contains(
                        "imported|[2,3]|FixedShapeTensorVector|[0.0,1.0,2.0,3.0,4.0,5.0]",
                        "released|0",
                        "tensor|v F32 [5]|4.5");
    }

    @ParameterizedTest
    @ValueSource(strings = {"peer.arrow", "peer.arrows", "one.arrow", "one.arrows"})
    void weReadWhatArrowsOwnWritersWrite(String name) {
        int rows = ArrowPeer.ROWS * (name.startsWith("one") ? 1 : ArrowPeer.BATCHES);
        try (ArrowFile file = ArrowFile.open(folder.resolve(name))) {
            assertThat(file.tensors())
                    .containsExactly(
                            new TensorInfo("plain", DType.F32, Shape.of(rows)),
                            new TensorInfo("list", DType.I16, Shape.of(rows, 3)));
            try (Tensor plain = file.open("plain");
                    Tensor list = file.open("list")) {
                for (int i = 0; i < rows; i++) {
                    assertThat(plain.data().get(JAVA_FLOAT_UNALIGNED, 4L * i)).isEqualTo(i);
                }
                for (int i = 0; i < 3 * rows; i++) {
                    assertThat(list.data().get(JAVA_SHORT_UNALIGNED, 2L * i)).isEqualTo((short) i);
                }
            }
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"nulls.arrow", "nulls.arrows"})
    void nullsAreRefused(String name) {
        assertThatThrownBy(() -> ArrowFile.open(folder.resolve(name)).close())
                .isInstanceOf(InputException.class)
                .hasMessageContaining("'plain'")
                .hasMessageContaining("nulls");
    }
}
