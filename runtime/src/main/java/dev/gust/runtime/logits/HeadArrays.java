package dev.gust.runtime.logits;

import dev.gust.formats.DeviceException;
import dev.gust.formats.codec.Codecs;
import dev.gust.formats.tensor.DType;
import dev.gust.kernels.logits.GroupCodes;
import dev.gust.kernels.logits.HeadSizes;
import dev.gust.kernels.logits.QuartetScores;
import dev.gust.runtime.kernel.KernelDevice;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import java.util.stream.IntStream;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.HalfFloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;
import uk.ac.manchester.tornado.api.types.arrays.LongArray;

/** A head's tensors as kernels take them. */
final class HeadArrays {
    private final KernelDevice device;
    private final VqHead head;

    HeadArrays(KernelDevice device, VqHead head) {
        this.device = device;
        this.head = head;
    }

    /** Rows as float32, which those of 16-bit floats are widened to. */
    FloatArray rows() {
        long count = (long) head.v() * head.d();
        require("weight", 4 * count);
        if (head.type() == DType.F32) {
            return device.arrays().floats(head.weight());
        }
        FloatArray wide = device.arrays().floats(count);
        Codecs.of(head.type()).orElseThrow().decode(head.weight(), 0, wide.getSegment(), 0, count);
        device.copies().add(4 * count);
        return wide;
    }

    /** Rows of BF16, four numbers to a word. */
    LongArray brainWords() {
        require("weight", head.weight().byteSize());
        return device.arrays().longs(head.weight());
    }

    /** Rows of F16. */
    HalfFloatArray halves() {
        require("weight", head.weight().byteSize());
        return device.arrays().halves(head.weight());
    }

    FloatArray bias() {
        return head.bias()
                .map(b -> device.arrays().floats(b))
                .orElseGet(() -> device.arrays().noFloats());
    }

    FloatArray floats(String name, MemorySegment values) {
        require(name, values.byteSize());
        return device.arrays().floats(values);
    }

    IntArray assignments(Screen.Clusters clusters) {
        var array = new IntArray(head.v());
        MemorySegment.copy(clusters.assignments(), 0, array.getSegment(), 0, 4L * head.v());
        device.copies().add(4L * head.v());
        return array;
    }

    /** Words of four codes of a token, [ceil(S / 4), V]: neighbours read neighbouring tokens. */
    IntArray codeWords(Screen.Codes screen) {
        int steps = Math.ceilDiv(screen.s(), 4);
        require("codes", 4L * steps * head.v());
        var words = new IntArray(steps * head.v());
        IntStream.range(0, head.v()).parallel().forEach(token -> {
            for (int step = 0; step < steps; step++) {
                int word = 0;
                for (int i = 0; i < Math.min(4, screen.s() - 4 * step); i++) {
                    int code = screen.codes().get(ValueLayout.JAVA_BYTE, (long) token * screen.s() + 4L * step + i);
                    word |= (code & 0xFF) << (8 * i);
                }
                words.set(step * head.v() + token, word);
            }
        });
        device.copies().add(4L * steps * head.v());
        return words;
    }

    /** Codes as {@link GroupCodes} takes them, [panels of 32 tokens, blocks of 32 codebooks, 4, 32]. */
    LongArray codeBlocks(Screen.Codes screen) {
        int blocks = Math.ceilDiv(screen.s(), GroupCodes.BLOCK);
        int panels = Math.ceilDiv(head.v(), 32);
        int longs = GroupCodes.LONGS;
        require("codes", 256L * longs * blocks * panels);
        var packed = new LongArray(GroupCodes.FRONT_CODES + 32 * longs * (blocks * panels + GroupCodes.BEHIND));
        IntStream.range(0, panels).parallel().forEach(panel -> {
            byte[] row = new byte[blocks * GroupCodes.BLOCK];
            for (int lane = 0; lane < 32; lane++) {
                long token = Math.min(32L * panel + lane, head.v() - 1);
                MemorySegment.copy(screen.codes(), ValueLayout.JAVA_BYTE, token * screen.s(), row, 0, screen.s());
                for (int i = 0; i < blocks * longs; i++) {
                    long eight = 0;
                    for (int j = 0; j < 8; j++) {
                        int column = lane + i % longs * 8 + j;
                        int code = row[i / longs * GroupCodes.BLOCK + column % GroupCodes.BLOCK];
                        eight |= (code - column / GroupCodes.BLOCK & 0xFFL) << (8 * j);
                    }
                    int place = GroupCodes.FRONT_CODES + (panel * blocks * longs + i) * 32 + lane;
                    packed.set(place, Long.rotateLeft(eight, GroupCodes.ROTATED));
                }
            }
        });
        device.copies().add(8L * packed.getSize());
        return packed;
    }

    /** The length of the longest entry of each codebook; 0 for those that fill up the last two blocks. */
    FloatArray radii(Screen.Codes screen) {
        int slices = Math.ceilDiv(screen.s(), 2 * GroupCodes.BLOCK);
        FloatArray radii = device.arrays().floats(2L * GroupCodes.BLOCK * slices);
        radii.init(0);
        for (int s = 0; s < screen.s(); s++) {
            double most = 0;
            for (int entry = 0; entry < screen.c(); entry++) {
                double square = 0;
                for (int i = 0; i < screen.w(); i++) {
                    long at = ((long) s * screen.c() + entry) * screen.w() + i;
                    double value = screen.codebooks().get(HeadCall.F32, 4 * at);
                    square += value * value;
                }
                most = Math.max(most, square);
            }
            radii.set(s, (float) Math.sqrt(most));
        }
        return radii;
    }

    /** Codebooks [S', W, 256] with S' = S rounded up to 4. */
    FloatArray columns(Screen.Codes screen) {
        int books = Math.ceilDiv(screen.s(), 4) * 4;
        require("codebooks", 4L * books * screen.w() * CodeTables.ENTRIES);
        FloatArray columns = device.arrays().floats((long) books * screen.w() * CodeTables.ENTRIES);
        columns.init(0);
        for (int s = 0; s < screen.s(); s++) {
            for (int entry = 0; entry < screen.c(); entry++) {
                for (int i = 0; i < screen.w(); i++) {
                    long at = ((long) s * screen.c() + entry) * screen.w() + i;
                    columns.set(
                            (s * screen.w() + i) * CodeTables.ENTRIES + entry,
                            screen.codebooks().get(HeadCall.F32, 4 * at));
                }
            }
        }
        return columns;
    }

    /**
     * Words of four tokens' codes in two columns, those of four columns to a long, [panels, width / 4, quartets of a panel]; what is
     * behind the last token is 0.
     */
    LongArray quartets(Screen.Int4 screen) {
        int panels = panels();
        int width = screen.width();
        int lanes = QuartetScores.QUARTETS;
        require("codes", 2L * width * panels * lanes);
        var words = new LongArray(width / 4 * panels * lanes);
        IntStream.range(0, panels * lanes).parallel().forEach(quartet -> {
            byte[] row = new byte[width / 2];
            long[] four = new long[width / 4];
            Arrays.fill(four, 0x8888888888888888L);
            for (int t = 0; t < Math.clamp(head.v() - 4L * quartet, 0, 4); t++) {
                MemorySegment.copy(
                        screen.codes(), ValueLayout.JAVA_BYTE, (4L * quartet + t) * row.length, row, 0, row.length);
                for (int i = 0; i < width; i++) {
                    long code = (row[i / 2] >> (4 * (i & 1))) & 15;
                    int shift = 32 * (i / 2 % 2) + 16 * (t / 2) + 8 * (i % 2) + 4 * (t % 2);
                    four[i / 4] ^= (code ^ 8) << shift;
                }
            }
            int at = quartet / lanes * (width / 4) * lanes + quartet % lanes;
            for (int i = 0; i < four.length; i++) {
                words.set(at + i * lanes, four[i]);
            }
        });
        device.copies().add(8L * words.getSize());
        return words;
    }

    private int panels() {
        return Math.ceilDiv(head.v(), QuartetScores.TOKENS * QuartetScores.QUARTETS);
    }

    private short scale(Screen.Int4 screen, int token, int block) {
        int blocks = screen.width() / Screen.Int4.BLOCK;
        return token < head.v()
                ? screen.scales().get(ValueLayout.JAVA_SHORT_UNALIGNED, 2 * ((long) token * blocks + block))
                : 0;
    }

    /** Scales as float32 [blocks, quartets, 4]. */
    FloatArray quartetScales(Screen.Int4 screen) {
        int quartets = Math.ceilDiv(head.v(), QuartetScores.TOKENS);
        int blocks = screen.width() / Screen.Int4.BLOCK;
        int row = QuartetScores.TOKENS * quartets;
        FloatArray scales = device.arrays().floats((long) row * blocks);
        for (int block = 0; block < blocks; block++) {
            for (int token = 0; token < row; token++) {
                scales.set(block * row + token, Float.float16ToFloat(scale(screen, token, block)));
            }
        }
        return scales;
    }

    /** Scales as float16, two to a word, [panels, blocks, 2, quartets of a panel]. */
    IntArray quartetScaleWords(Screen.Int4 screen) {
        int blocks = screen.width() / Screen.Int4.BLOCK;
        int lanes = QuartetScores.QUARTETS;
        var words = new IntArray(2 * blocks * panels() * lanes);
        IntStream.range(0, panels() * lanes).parallel().forEach(quartet -> {
            int panel = quartet / lanes;
            for (int block = 0; block < blocks; block++) {
                for (int i = 0; i < 2; i++) {
                    int token = QuartetScores.TOKENS * quartet + 2 * i;
                    int word = (scale(screen, token, block) & 0xFFFF) | (scale(screen, token + 1, block) << 16);
                    words.set(((panel * blocks + block) * 2 + i) * lanes + quartet % lanes, word);
                }
            }
        });
        return words;
    }

    /** The numbers that kernels read from memory. */
    static IntArray sizes(int rows, int columns, int steps) {
        var sizes = new IntArray(HeadSizes.LENGTH);
        sizes.set(HeadSizes.ROWS, rows);
        sizes.set(HeadSizes.COLUMNS, columns);
        sizes.set(HeadSizes.STEPS, steps);
        sizes.set(HeadSizes.BLOCK, Screen.Int4.BLOCK);
        return sizes;
    }

    /** The numbers for codes that are looked up in blocks. */
    static IntArray codeSizes(int rows, int columns, int books) {
        return sizes(rows, columns, Math.ceilDiv(books, GroupCodes.BLOCK));
    }

    private void require(String tensor, long bytes) {
        if (bytes > Math.min(device.maxArrayBytes(), 4L * (Integer.MAX_VALUE - 64))) {
            throw new DeviceException(
                    device.id().toString(),
                    "an array of it holds " + device.maxArrayBytes() + " bytes, and the head's " + tensor + " takes "
                            + bytes,
                    "use the jvm device, or cut the vocabulary");
        }
    }
}
