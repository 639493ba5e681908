package dev.gust.formats.gguf;

import static org.assertj.core.api.Assertions.assertThat;

import dev.gust.formats.InputException;
import dev.gust.formats.tensor.DType;
import dev.gust.formats.tensor.Shape;
import dev.gust.formats.tensor.Tensor;
import dev.gust.formats.tensor.TensorInfo;
import java.io.IOException;
import java.lang.foreign.ValueLayout;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Damaged files are refused in words or read; they never crash, and never cost memory beyond their own size. */
class GgufFuzzTest {
    private static final int ROUNDS = 2000;
    private static final long[] ODD_WORDS = {0, 1, -1, 1L << 31, 1L << 32, 1L << 40, Long.MIN_VALUE, Long.MAX_VALUE};

    @TempDir
    Path folder;

    @Test
    void damageIsRefusedInWords() throws IOException {
        Path path = GgufLayoutTest.write(
                folder.resolve("sound.gguf"),
                List.of(
                        new TensorInfo("blk.0.attn_q.weight", DType.Q4_K, Shape.of(2, 256)),
                        new TensorInfo("norm", DType.F32, Shape.of(5)),
                        new TensorInfo("w", DType.MXFP4, Shape.of(2, 3, 64))),
                GgufLayoutTest.everyKindOfMetadata());
        byte[] sound = Files.readAllBytes(path);
        int headBytes = sound.length - 288 - 32 - 224;
        var random = new Random(2026);
        var threads = (com.sun.management.ThreadMXBean) ManagementFactory.getThreadMXBean();
        int read = 0;
        int refused = 0;
        long most = 0;
        Path file = folder.resolve("damaged.gguf");
        for (int round = 0; round < ROUNDS; round++) {
            Files.write(file, damaged(sound, headBytes, random));
            long before = threads.getCurrentThreadAllocatedBytes();
            try (GgufFile gguf = GgufFile.open(file)) {
                for (TensorInfo info : gguf.tensors()) {
                    try (Tensor tensor = gguf.open(info.name())) {
                        tensor.data().asSlice(0, Math.min(info.byteSize(), 8)).toArray(ValueLayout.JAVA_BYTE);
                    }
                }
                assertThat(gguf.metadata()).hasSameSizeAs(gguf.values());
                read++;
            } catch (InputException e) {
                assertThat(e).hasMessageStartingWith(file + ": ").hasMessageNotContaining("\n");
                refused++;
            }
            most = Math.max(most, threads.getCurrentThreadAllocatedBytes() - before);
        }
        assertThat(read + refused).isEqualTo(ROUNDS);
        assertThat(read).isPositive();
        assertThat(refused).isPositive();
        // A file of some kilobytes; class loading in the first rounds is in it too.
        assertThat(most).isLessThan(16 << 20);
    }

    private static byte[] damaged(byte[] sound, int headBytes, Random random) {
        byte[] bytes = sound.clone();
        switch (random.nextInt(4)) {
            case 0 -> bytes = Arrays.copyOf(bytes, random.nextInt(bytes.length));
            case 1 -> {
                for (int i = random.nextInt(3); i >= 0; i--) {
                    bytes[random.nextInt(headBytes)] = (byte) random.nextInt();
                }
            }
            case 2 -> {
                int at = random.nextInt(headBytes);
                long word = ODD_WORDS[random.nextInt(ODD_WORDS.length)];
                for (int i = 0; i < 8; i++) {
                    bytes[at + i] = (byte) (word >>> (8 * i));
                }
            }
            default -> {
                int at = random.nextInt(headBytes);
                int cut = random.nextInt(1, 40);
                System.arraycopy(
                        sound, Math.min(at + cut, sound.length), bytes, at, Math.max(0, sound.length - at - cut));
            }
        }
        return bytes;
    }
}
