package dev.gust.runtime.matmul;

import static org.assertj.core.api.Assertions.assertThat;

import dev.gust.formats.tensor.DType;
import dev.gust.runtime.emulator.EmulatorDevice;
import dev.gust.runtime.kernel.KernelDevice;
import dev.gust.runtime.kernel.SmallArrays;
import dev.gust.runtime.scalar.ScalarDevice;
import dev.gust.runtime.weight.LinearWeight;
import dev.gust.runtime.weight.WeightFormat;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.channels.FileChannel;
import java.nio.channels.FileChannel.MapMode;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Weights that do not fit into one array of a device. */
class RowBlocksTest {
    static List<String> forms() {
        return SampleWeights.forms();
    }

    @ParameterizedTest
    @MethodSource("forms")
    void portableKernelsMultiplyBlockByBlock(String form) {
        check(new ScalarDevice(), form);
    }

    @ParameterizedTest
    @MethodSource("forms")
    void tunedKernelsMultiplyBlockByBlock(String form) {
        check(new EmulatorDevice(2), form);
    }

    /** Four blocks, the last a short one. FP8 in blocks of 128 x 128 can only be cut where a row of scales ends. */
    private static void check(KernelDevice inner, String form) {
        boolean tiles = form.equals("fp8-block");
        int n = tiles ? 3 * 128 + 5 : 10;
        int g = SampleWeights.granularity(form);
        SampleWeights.Sample sample = SampleWeights.of(form, n, g == 1 ? 67 : 3 * g, 42);
        long rows = tiles ? 128 : 3;
        long bytes = sample.weight().codes().byteSize() / n * rows;
        assertThat(RowBlocks.of(sample.weight(), bytes))
                .extracting(LinearWeight::n)
                .containsExactly(rows, rows, rows, n - 3 * rows);
        try (var device = new SmallArrays(inner, bytes)) {
            for (int m : new int[] {1, 3}) {
                assertThat(MatmulConformance.check(device, sample, m, 42, MatmulOptions.DEFAULT))
                        .as("%s: M %d", form, m)
                        .isLessThan(QuantizedMatmul.TOLERANCE);
            }
        }
    }

    /** Bytes past 2^31, and fewer bytes but more elements than a kernel counts: a file of zeros that takes no space. */
    @Test
    void blocksOfALargeWeightStayWithinWhatKernelsCount(@TempDir Path folder) throws IOException {
        long k = 40_960;
        long n = 70_000;
        try (Arena arena = Arena.ofShared()) {
            for (DType dtype : List.of(DType.Q8_0, DType.MXFP4)) {
                MemorySegment codes = sparse(folder.resolve(dtype + ".bin"), n * dtype.byteSize(k), arena);
                var weight =
                        new LinearWeight("large", n, k, new WeightFormat.Blocks(dtype), codes, MemorySegment.NULL, 1);
                long most = new ScalarDevice().maxArrayBytes();
                List<LinearWeight> blocks = RowBlocks.of(weight, most);
                long at = codes.address();
                for (LinearWeight block : blocks) {
                    assertThat(block.codes().address()).isEqualTo(at);
                    assertThat(block.codes().byteSize()).isLessThanOrEqualTo(Math.min(most, Integer.MAX_VALUE));
                    assertThat(block.n() * k).isLessThan(Integer.MAX_VALUE);
                    at += block.codes().byteSize();
                }
                assertThat(at).isEqualTo(codes.address() + codes.byteSize());
                assertThat(blocks).hasSizeGreaterThan(2);
            }
        }
    }

    private static MemorySegment sparse(Path file, long bytes, Arena arena) throws IOException {
        Files.createFile(file);
        try (FileChannel channel = FileChannel.open(file, StandardOpenOption.READ, StandardOpenOption.WRITE)) {
            return channel.map(MapMode.READ_WRITE, 0, bytes, arena);
        }
    }
}
