package dev.gust.formats.file;

import static org.assertj.core.api.Assertions.assertThat;

import com.sun.management.ThreadMXBean;
import dev.gust.formats.InputException;
import dev.gust.formats.tensor.Tensor;
import dev.gust.formats.tensor.TensorInfo;
import java.io.IOException;
import java.lang.foreign.ValueLayout;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.SplittableRandom;
import java.util.function.Function;

/**
 * Damages a good file in seeded ways. Whatever comes of it, opening it and all its tensors either works or throws
 * {@link InputException}, and takes little memory.
 */
public final class ParserFuzz {
    private static final byte[] EVIL = {0, 1, 2, 8, 0x7F, (byte) 0x80, (byte) 0xFF, '{', '}', '[', ']', '"', '-', '9'};

    private ParserFuzz() {}

    /**
     * Runs {@code rounds} damaged versions of {@code good} past {@code opener}.
     *
     * @param file where each version is written
     * @param heapLimit bytes that one opening may allocate on the heap
     * @return how many versions were refused
     */
    public static int run(
            byte[] good, Path file, long seed, int rounds, long heapLimit, Function<Path, TensorSource> opener)
            throws IOException {
        var threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();
        var random = new SplittableRandom(seed);
        int refused = 0;
        for (int round = 0; round < rounds; round++) {
            byte[] bad = damaged(good, random);
            Files.write(file, bad);
            long before = threads.getCurrentThreadAllocatedBytes();
            try (TensorSource source = opener.apply(file)) {
                for (TensorInfo info : source.tensors()) {
                    touch(source, info);
                }
            } catch (InputException expected) {
                refused++;
            } catch (Throwable e) {
                throw new AssertionError("round " + round + " of seed " + seed + " threw " + e, e);
            }
            assertThat(threads.getCurrentThreadAllocatedBytes() - before)
                    .as("heap used in round %d of seed %d", round, seed)
                    .isLessThan(heapLimit);
        }
        return refused;
    }

    private static void touch(TensorSource source, TensorInfo info) {
        try (Tensor tensor = source.open(info.name())) {
            long size = tensor.data().byteSize();
            assertThat(size).isEqualTo(info.byteSize());
            if (size > 0) {
                tensor.data().get(ValueLayout.JAVA_BYTE, 0);
                tensor.data().get(ValueLayout.JAVA_BYTE, size - 1);
            }
        }
    }

    private static byte[] damaged(byte[] good, SplittableRandom random) {
        byte[] bad = good.clone();
        // Most of a file is data that nobody checks: aim at the head as often as anywhere.
        int reach = random.nextBoolean() ? Math.min(bad.length, 64) : bad.length;
        for (int i = random.nextInt(1, 4); i > 0; i--) {
            int at = random.nextInt(reach);
            switch (random.nextInt(6)) {
                case 0 -> bad[at] ^= (byte) (1 << random.nextInt(8));
                case 1 -> bad[at] = (byte) random.nextInt(256);
                case 2 -> bad[at] = EVIL[random.nextInt(EVIL.length)];
                case 3 -> bad = Arrays.copyOf(bad, at + 1);
                case 4 -> {
                    int length = random.nextInt(1, 17);
                    Arrays.fill(bad, at, Math.min(bad.length, at + length), EVIL[random.nextInt(EVIL.length)]);
                }
                default -> {
                    byte[] copy = bad.clone();
                    int from = random.nextInt(bad.length);
                    int length = Math.min(random.nextInt(1, 33), bad.length - Math.max(from, at));
                    System.arraycopy(copy, from, bad, at, length);
                }
            }
            reach = Math.min(reach, bad.length);
        }
        return bad;
    }
}
