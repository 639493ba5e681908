package dev.gust.runtime.matmul;

import dev.gust.formats.tensor.DType;
import dev.gust.kernels.matmul.ScaleCode;
import dev.gust.kernels.matmul.sdk.FloatBitsMatmul;
import dev.gust.runtime.kernel.Grid;
import dev.gust.runtime.kernel.Kernel;
import dev.gust.runtime.kernel.KernelCall;
import dev.gust.runtime.kernel.NativeArrays;
import dev.gust.runtime.weight.LinearWeight;
import dev.gust.runtime.weight.ScaleType;
import dev.gust.runtime.weight.WeightFormat;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.List;
import uk.ac.manchester.tornado.api.types.arrays.ByteArray;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;
import uk.ac.manchester.tornado.api.types.arrays.LongArray;
import uk.ac.manchester.tornado.api.types.arrays.TornadoNativeArray;

/**
 * A weight whose codes are floats of 4, 8 or 16 bits or whole numbers of 4 or 8, or a block of its rows, for devices that
 * reinterpret bits as floats.
 *
 * @param weight the weight on the memory of the others
 * @param words the codes
 * @param scaleBytes scales of one byte; otherwise one byte
 * @param scales float32 scales; otherwise one float
 * @param tables see {@link dev.gust.kernels.matmul.Tables}
 * @param geometry of a code
 */
record FloatBitArrays(
        LinearWeight weight,
        LongArray words,
        ByteArray scaleBytes,
        FloatArray scales,
        FloatArray tables,
        Geometry geometry)
        implements NarrowArrays {
    private static final int WIDE = 256;
    private static final int NARROW = 128;

    /** With fewer rows to a group, waiting for the first ones weighs more than work-items without columns. */
    private static final int FEW_ROWS = 16;

    /**
     * The bits of a code, and those of its exponent, of which whole numbers have none.
     *
     * @param special the smallest code without sign that is not a number or infinite, above all others where there is none
     */
    record Geometry(int bits, int exponent, int special) {
        private static final Geometry NONE = new Geometry(64, 0, 0);

        static Geometry of(WeightFormat format) {
            return switch (format) {
                case WeightFormat.Plain(var dtype) when dtype == DType.BF16 -> new Geometry(16, 8, 1 << 15);
                case WeightFormat.Scaled scaled ->
                    switch (scaled.code()) {
                        case F4 -> new Geometry(4, 2, 1 << 3);
                        case F8_E4M3 -> new Geometry(8, 4, 0x7F);
                        case F8_E5M2 -> new Geometry(8, 5, 0x7C);
                        case I8 -> new Geometry(8, 0, 1 << 7);
                        case OFFSET_I4 -> new Geometry(4, 0, 1 << 3);
                        default -> NONE;
                    };
                default -> NONE;
            };
        }

        /** Codes of a word. */
        int codes() {
            return Long.SIZE / bits;
        }
    }

    /** Whether the kernel takes a weight. Reads all codes of those that have some that it would restore wrongly. */
    static boolean hold(LinearWeight weight) {
        Geometry geometry = Geometry.of(weight.format());
        long k = weight.k();
        if (geometry == Geometry.NONE
                || weight.n() < FloatBitsMatmul.BATCH
                || k == 0
                || k % geometry.codes() != 0
                || k / geometry.codes() >= FloatBitsMatmul.MOST_WORDS) {
            return false;
        }
        if (weight.format() instanceof WeightFormat.Scaled s
                && s.scaleColumns() < k
                && (s.scaleColumns() % geometry.codes() != 0 || s.scaleRows() != 1 && s.scale() != ScaleType.F32)) {
            return false;
        }
        return geometry.bits() != Byte.SIZE
                || geometry.special() > 0x7F
                || !hasSpecial(weight.codes(), geometry.special());
    }

    /** Whether one of the bytes, without its sign, is that one or above. */
    private static boolean hasSpecial(MemorySegment codes, int special) {
        long found = 0;
        // A sum past 0x7F carries into the sign's place, and no further.
        long add = (0x80 - special) * 0x0101010101010101L;
        for (long at = 0; at < codes.byteSize(); at += Long.BYTES) {
            long magnitudes = codes.get(ValueLayout.JAVA_LONG_UNALIGNED, at) & 0x7F7F7F7F7F7F7F7FL;
            found |= magnitudes + add;
        }
        return (found & 0x8080808080808080L) != 0;
    }

    /** Copies a weight into arrays. */
    static FloatBitArrays of(LinearWeight weight, NativeArrays arrays) {
        MemorySegment none = MemorySegment.NULL;
        LongArray words = arrays.longs(weight.codes());
        boolean bytes = scale(weight.format()) == ScaleCode.BYTES;
        boolean floats = scale(weight.format()) == ScaleCode.FLOATS;
        ByteArray scaleBytes = arrays.bytes(bytes ? weight.scales() : none);
        FloatArray scales = arrays.floats(floats ? weight.scales() : none);
        MemorySegment kept = bytes ? scaleBytes.getSegment() : scales.getSegment();
        var copy = new LinearWeight(
                weight.name(),
                weight.n(),
                weight.k(),
                weight.format(),
                words.getSegment().asSlice(0, weight.codes().byteSize()),
                kept.asSlice(0, weight.scales().byteSize()),
                weight.factor());
        return new FloatBitArrays(
                copy, words, scaleBytes, scales, DecodeTables.of(weight), Geometry.of(weight.format()));
    }

    private static int scale(WeightFormat format) {
        return format instanceof WeightFormat.Scaled s
                ? s.scale() == ScaleType.F32 ? ScaleCode.FLOATS : ScaleCode.BYTES
                : ScaleCode.NONE;
    }

    /** One of {@link ScaleCode}. */
    int scale() {
        return scale(weight.format());
    }

    /** Rows. */
    int n() {
        return Math.toIntExact(weight.n());
    }

    /** Columns. */
    int k() {
        return Math.toIntExact(weight.k());
    }

    /** Rows that share a scale. */
    int scaleRows() {
        return weight.format() instanceof WeightFormat.Scaled s ? (int) Math.min(s.scaleRows(), weight.n()) : 1;
    }

    /** Columns that share a scale, 0 where all do. */
    int scaleColumns() {
        return weight.format() instanceof WeightFormat.Scaled s && s.scaleColumns() < weight.k()
                ? (int) s.scaleColumns()
                : 0;
    }

    @Override
    public List<TornadoNativeArray> constants() {
        return List.of(words, scaleBytes, scales, tables);
    }

    @Override
    public boolean serve(int capacity) {
        return capacity == 1;
    }

    @Override
    public KernelCall call(String name, IntArray shape, FloatArray x, FloatArray y, int capacity) {
        int local = local();
        return call(name, shape, x, y, local, groups() * WIDE / local);
    }

    /**
     * The call with so many groups at most.
     *
     * @param local work-items of a group
     */
    KernelCall call(String name, IntArray shape, FloatArray x, FloatArray y, int local, int most) {
        int groups = (int) Math.min(weight.n() / FloatBitsMatmul.BATCH, most);
        Kernel kernel = geometry.exponent() == 2
                ? new NarrowKernels.FloatPairs(this, shape, x, y, local)
                : new NarrowKernels.FloatBits(this, shape, x, y, local);
        return KernelCall.tuned(name, kernel, Grid.ofGroups(groups, 1, local, 1));
    }

    /** Work-items of a group: as many as leave the fewest without columns, unless groups are left with few rows. */
    private int local() {
        long words = weight.k() / geometry.codes();
        long wide = Math.ceilDiv(words, WIDE * FloatBitsMatmul.COLUMNS) * WIDE;
        long narrow = Math.ceilDiv(words, NARROW * FloatBitsMatmul.COLUMNS) * NARROW;
        boolean manyRows = weight.n() >= (long) groups() * WIDE / NARROW * FEW_ROWS;
        return narrow < wide && manyRows ? NARROW : WIDE;
    }

    /** Most groups of {@link #WIDE}: as many to a multiprocessor as registers allow; one more would wait for its turn. */
    private int groups() {
        boolean scaleBytes = scaleColumns() > 0 && scale() == ScaleCode.BYTES;
        int many = switch (geometry.bits()) {
            case 4 -> 2;
            case 8 -> scaleBytes ? 2 : 3;
            default -> 4;
        };
        return many * Tuning.MULTIPROCESSORS;
    }
}
