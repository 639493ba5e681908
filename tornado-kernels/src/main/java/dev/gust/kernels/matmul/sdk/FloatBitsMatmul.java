package dev.gust.kernels.matmul.sdk;

import dev.gust.kernels.matmul.MatmulShape;
import dev.gust.kernels.matmul.PortableMatmul;
import dev.gust.kernels.matmul.ScaleCode;
import dev.gust.kernels.matmul.Tables;
import uk.ac.manchester.tornado.api.KernelContext;
import uk.ac.manchester.tornado.api.types.BFloat16;
import uk.ac.manchester.tornado.api.types.arrays.ByteArray;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;
import uk.ac.manchester.tornado.api.types.arrays.LongArray;

/**
 * y = x · Wᵀ for codes that are floats of 8 or 16 bits or whole numbers of 4 or 8, one row of x, on devices that reinterpret
 * computed bits: a code's bits, put where a float32 has its own, are the code's value times a power of two, subnormal values
 * included. Two shifts and a mask do it, where integer operations are what limits GPUs; a table in local memory takes as many
 * and a load. Whole numbers without sign are the last bits of a subnormal; what makes them so is taken off again.
 *
 * <p>E4M3 is restored as value · 2^−120, E5M2 · 2^−112, BF16 as itself, whole numbers · 2^−133 or 2^−129 (and E2M1 by
 * {@link FloatPairsMatmul} · 2^−126). About half of that factor is made up for in x, which is read times 2^56 to 2^64, the
 * rest in y. So results are those of float32 as long as x is below 10^19 (E5M2: 10^21) and products are not below 10^−18;
 * infinite and NaN x give what they ought to.
 * Not a number and infinity among codes of 8 bits are restored as numbers: weights that have any need another kernel.
 *
 * <p>Work-items keep their part of x in registers and go down the rows of W with it, {@link #BATCH} at a time, while the
 * next are under way. Neighbours read neighbouring words.
 */
public final class FloatBitsMatmul {
    /** Rows of W that a work-item takes at a time; W has as many at least. */
    public static final int BATCH = 4;

    /** Words of 64 bits in a row that a work-item takes. */
    public static final int COLUMNS = 2;

    /** Rows that a group sums up at a time. */
    public static final int ROWS = 16;

    /** Most words in a row of W. */
    public static final int MOST_WORDS = 1 << 23;

    private static final int MOST_CODES = COLUMNS * 16;

    private FloatBitsMatmul() {}

    /**
     * The kernel, for at most N / {@link #BATCH} groups, each of which takes its share of the rows of W. Arguments as in
     * {@link PortableMatmul}, and
     *
     * @param words W, rows beginning with a word
     * @param scaleBytes scales of one byte; otherwise unused
     * @param bits bits of a code: 4, 8 or 16
     * @param exponent bits of its exponent; 0 for whole numbers, which are 4 bits that say 8 more or 8 with a sign
     * @param scaleRows rows that share a scale, where scales change along a row
     * @param scaleColumns columns that share a scale, a multiple of a word's codes; 0 if there is one scale for each row, or none
     * @param k K, as a number that the compiler knows: rows are then a constant apart
     * @param groupSize work-items of a group, a power of two, at least {@link #ROWS}
     */
    public static void matmulFloatBits(
            KernelContext context,
            LongArray words,
            ByteArray scaleBytes,
            FloatArray scales,
            FloatArray tables,
            IntArray shape,
            FloatArray x,
            FloatArray y,
            int bits,
            int exponent,
            int scale,
            int scaleRows,
            int scaleColumns,
            int k,
            int groupSize) {
        float[] scaleValues = context.allocateFloatLocalArray(256);
        float[] partial = context.allocateFloatLocalArray((BATCH - 1 + ROWS) * (groupSize + 8));
        float[] sums = context.allocateFloatLocalArray(groupSize);
        int lane = context.localIdx;
        int width = groupSize + 8;
        int sharers = groupSize / ROWS;
        int sum = lane / sharers;
        int part = lane % sharers;
        int codes = 64 / bits;
        int step = k / codes;
        int scaleStep = scaleColumns > 0 ? (k + scaleColumns - 1) / Math.max(scaleColumns, 1) : 1;
        long flip = bits == 8 && exponent == 0 ? 0x8080808080808080L : 0L;
        float lift = lift(exponent);
        int n = shape.get(MatmulShape.N);
        int rowWords = shape.get(MatmulShape.K) / codes;
        int groups = context.globalGroupSizeX / groupSize;
        int batches = (n + BATCH - 1) / BATCH;
        int least = batches / groups;
        int larger = batches - least * groups;
        int begin = (context.groupIdx * least + Math.min(context.groupIdx, larger)) * BATCH;
        int end = Math.min(n, begin + (least + (context.groupIdx < larger ? 1 : 0)) * BATCH);
        // The last rows are taken with some before them, which are summed up once more: all but one of a batch at most.
        int last = end - BATCH;
        if (scale == ScaleCode.BYTES) {
            for (int i = lane; i < 256; i += groupSize) {
                scaleValues[i] = tables.get(Tables.SCALES + i);
            }
        }
        context.localBarrier();
        for (int start = 0; start < rowWords; start += COLUMNS * groupSize) {
            float[] xs = new float[MOST_CODES];
            for (int i = 0; i < MOST_CODES; i++) {
                xs[i] = 0.0f;
            }
            int[] column = new int[COLUMNS];
            for (int c = 0; c < COLUMNS; c++) {
                column[c] = 0;
            }
            for (int c = 0; c < COLUMNS; c++) {
                column[c] = Math.min(start + c * groupSize + lane, rowWords - 1);
            }
            long[] word = new long[BATCH * COLUMNS];
            long[] next = new long[BATCH * COLUMNS];
            int[] scaleByte = new int[BATCH * COLUMNS];
            int[] nextByte = new int[BATCH * COLUMNS];
            float[] factor = new float[BATCH * COLUMNS];
            float[] nextFactor = new float[BATCH * COLUMNS];
            for (int i = 0; i < BATCH * COLUMNS; i++) {
                word[i] = 0L;
            }
            for (int i = 0; i < BATCH * COLUMNS; i++) {
                next[i] = 0L;
            }
            for (int i = 0; i < BATCH * COLUMNS; i++) {
                scaleByte[i] = 0;
            }
            for (int i = 0; i < BATCH * COLUMNS; i++) {
                nextByte[i] = 0;
            }
            for (int i = 0; i < BATCH * COLUMNS; i++) {
                factor[i] = 0.0f;
            }
            for (int i = 0; i < BATCH * COLUMNS; i++) {
                nextFactor[i] = 0.0f;
            }
            int from = Math.min(begin, last);
            for (int c = 0; c < COLUMNS; c++) {
                long home = home(from, column[c], step);
                int group = scaleColumns > 0 ? column[c] * codes / Math.max(scaleColumns, 1) : 0;
                long scaleHome = home(from, group, scaleStep);
                for (int r = 0; r < BATCH; r++) {
                    word[r * COLUMNS + c] = words.get((int) (home + r * step));
                    if (scaleColumns > 0 && scale == ScaleCode.BYTES) {
                        scaleByte[r * COLUMNS + c] = scaleBytes.get((int) (scaleHome + r * scaleStep));
                    }
                    if (scaleColumns > 0 && scale == ScaleCode.FLOATS) {
                        factor[r * COLUMNS + c] = scales.get((from + r) / scaleRows * scaleStep + group);
                    }
                }
            }
            for (int c = 0; c < COLUMNS; c++) {
                int at = start + c * groupSize + lane;
                if (at < rowWords) {
                    for (int j = 0; j < codes; j++) {
                        xs[c * codes + j] =
                                x.get(at * codes + j) * (exponent == 0 && bits == 4 && j % 2 == 1 ? 0x1p60f : lift);
                    }
                }
            }
            for (int first = begin; first < end; first += ROWS) {
                int most = Math.min(ROWS, end - first);
                for (int r = 0; r < most; r += BATCH) {
                    int ahead = Math.min(first + r + BATCH, last);
                    for (int c = 0; c < COLUMNS; c++) {
                        long home = home(ahead, column[c], step);
                        int group = scaleColumns > 0 ? column[c] * codes / Math.max(scaleColumns, 1) : 0;
                        long scaleHome = home(ahead, group, scaleStep);
                        for (int i = 0; i < BATCH; i++) {
                            next[i * COLUMNS + c] = words.get((int) (home + i * step));
                            if (scaleColumns > 0 && scale == ScaleCode.BYTES) {
                                nextByte[i * COLUMNS + c] = scaleBytes.get((int) (scaleHome + i * scaleStep));
                            }
                            if (scaleColumns > 0 && scale == ScaleCode.FLOATS) {
                                nextFactor[i * COLUMNS + c] = scales.get((ahead + i) / scaleRows * scaleStep + group);
                            }
                        }
                    }
                    // Keeps the compiler from moving these loads behind what hides them.
                    context.localBarrier();
                    int to = BATCH - 1 + Math.min(r, last - first);
                    for (int i = 0; i < BATCH; i++) {
                        float rowSum = 0.0f;
                        for (int c = 0; c < COLUMNS; c++) {
                            float some = 0.0f;
                            long codesOfWord = word[i * COLUMNS + c] ^ flip;
                            for (int j = 0; j < codes; j++) {
                                int half = (int) (codesOfWord >> (j * bits / 32 * 32));
                                int top = half << (32 - bits - j * bits % 32);
                                some += xs[c * codes + j]
                                        * (exponent == 0 ? whole(top, bits, j) : value(top, bits, exponent));
                            }
                            if (scaleColumns > 0 && scale == ScaleCode.BYTES) {
                                some *= scaleValues[scaleByte[i * COLUMNS + c] & 0xff];
                            }
                            if (scaleColumns > 0 && scale == ScaleCode.FLOATS) {
                                some *= factor[i * COLUMNS + c];
                            }
                            rowSum += some;
                        }
                        partial[(to + i) * width + lane] = rowSum;
                    }
                    for (int i = 0; i < BATCH * COLUMNS; i++) {
                        word[i] = next[i];
                        scaleByte[i] = nextByte[i];
                        factor[i] = nextFactor[i];
                    }
                }
                context.localBarrier();
                float some = 0.0f;
                if (sum < most) {
                    for (int i = 0; i < ROWS; i++) {
                        some += partial[(BATCH - 1 + sum) * width + part + i * sharers];
                    }
                }
                sums[part * ROWS + sum] = some;
                context.localBarrier();
                if (lane < ROWS && first + lane < end) {
                    int row = first + lane;
                    float value = 0.0f;
                    for (int i = 0; i < sharers; i++) {
                        value += sums[i * ROWS + lane];
                    }
                    value *= drop(exponent);
                    value *= tables.get(Tables.FACTOR);
                    if (scaleColumns == 0) {
                        int at = row / shape.get(MatmulShape.SCALE_ROWS) * shape.get(MatmulShape.SCALE_GRID_COLUMNS);
                        if (scale == ScaleCode.FLOATS) {
                            value *= scales.get(at);
                        }
                        if (scale == ScaleCode.BYTES) {
                            value *= scaleValues[scaleBytes.get(at) & 0xff];
                        }
                    }
                    if (start > 0) {
                        value += y.get(row);
                    }
                    y.set(row, value);
                }
            }
        }
    }

    /** What x is multiplied by, but for whole numbers of 4 bits at odd places. */
    static float lift(int exponent) {
        return exponent == 0 || exponent == 2 ? 0x1p64f : exponent == 4 ? 0x1p60f : exponent == 5 ? 0x1p56f : 1.0f;
    }

    /** What then is missing. */
    static float drop(int exponent) {
        return exponent == 0
                ? 0x1p69f
                : exponent == 2 ? 0x1p62f : exponent == 4 ? 0x1p60f : exponent == 5 ? 0x1p56f : 1.0f;
    }

    /**
     * A whole number, too small by 2^133, or by 2^129 if it is one of 4 bits at an odd place: as the last bits of a
     * float32's subnormals and the first of its normal numbers count on evenly, a code without sign is its own value there.
     * Neighbours of 4 bits are shifted as one byte.
     *
     * @param top the number plus half of what its bits hold, in the upper bits; below it may be others
     */
    private static float whole(int top, int bits, int place) {
        boolean low = bits == 4 && place % 2 == 0;
        int shift = low ? 12 : 8;
        int mask = bits == 8 ? 0x00FF0000 : low ? 0x000F0000 : 0x00F00000;
        return BFloat16.bf16ToFloat((short) (((top >> shift) & mask) >> 16)) - (low ? 0x1p-130f : 0x1p-126f);
    }

    /**
     * A code's value, too small by a power of two.
     *
     * @param top the code in the upper bits; below it may be others
     */
    static float value(int top, int bits, int exponent) {
        int mask = ((1 << (bits - 1)) - 1) << (24 + exponent - bits);
        return BFloat16.bf16ToFloat((short) (((top >> (8 - exponent)) & (mask | 0x80000000)) >> 16));
    }

    /**
     * Where a word lies. The remainder and the mask change nothing: they tell TornadoVM's compiler that this place and those
     * of the rows below fit into an int, so that it adds constants to one long, which NVIDIA's compiler makes a part of its
     * loads.
     */
    static long home(int row, int column, int step) {
        int rows = (Integer.MAX_VALUE - MOST_WORDS) / step - BATCH;
        return (long) (row % rows) * step + (column & (MOST_WORDS - 1));
    }
}
