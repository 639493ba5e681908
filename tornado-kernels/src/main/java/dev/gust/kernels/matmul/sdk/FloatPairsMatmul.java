package dev.gust.kernels.matmul.sdk;

import dev.gust.kernels.matmul.MatmulShape;
import dev.gust.kernels.matmul.ScaleCode;
import dev.gust.kernels.matmul.Tables;
import uk.ac.manchester.tornado.api.KernelContext;
import uk.ac.manchester.tornado.api.types.arrays.ByteArray;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;
import uk.ac.manchester.tornado.api.types.arrays.LongArray;

/**
 * y = x · Wᵀ for E2M1, one row of x, on devices that reinterpret computed bits: as {@link FloatBitsMatmul}, but every other
 * byte is looked up in a table that holds the values of both its codes. Putting bits in place keeps the pipe for integers
 * busy, look-ups the one for local memory; shared out between both, neither limits the kernel by itself. NVIDIA's compiler
 * reads both floats of a byte at once, which takes a warp two turns of 16 work-items each, so 16 copies of the table are
 * enough for banks of their own.
 */
public final class FloatPairsMatmul {
    /** Rows of W that a work-item takes at a time; W has as many at least. */
    public static final int BATCH = 4;

    /** Words of 64 bits in a row that a work-item takes. */
    public static final int COLUMNS = 2;

    /** Rows that a group sums up at a time. */
    public static final int ROWS = 8;

    /** Most work-items that sum up a row. */
    public static final int SHARERS = 16;

    /** Copies of the table. */
    public static final int COPIES = 16;

    /** By how much a row of sums is longer than a group, so that work-items that add them up find other banks. */
    public static final int GAP = 16;

    private static final int CODES = 16;

    /** Of the four bytes in half a word those whose codes come from the table, the lowest first. */
    private static final int TABLED = 2;

    private FloatPairsMatmul() {}

    /**
     * The kernel. Arguments as in {@link FloatBitsMatmul}, and
     *
     * @param n N, as a number that the compiler knows: nothing waits for it
     * @param groupSize work-items of a group, a power of two, at least 16
     */
    public static void matmulFloatPairs(
            KernelContext context,
            LongArray words,
            ByteArray scaleBytes,
            FloatArray scales,
            FloatArray tables,
            IntArray shape,
            FloatArray x,
            FloatArray y,
            int scale,
            int scaleRows,
            int scaleColumns,
            int n,
            int k,
            int groupSize) {
        float[] scaleValues = context.allocateFloatLocalArray(256);
        float[] pairs = context.allocateFloatLocalArray(256 * 2 * COPIES);
        float[] partial = context.allocateFloatLocalArray((BATCH - 1 + ROWS) * (groupSize + GAP));
        float[] sums = context.allocateFloatLocalArray(2 * ROWS * SHARERS);
        int lane = context.localIdx;
        int width = groupSize + GAP;
        int bank = lane % COPIES * 2;
        int sharers = Math.min(SHARERS, groupSize / ROWS);
        int sum = lane / sharers;
        int part = lane % sharers;
        int side = groupSize / 2;
        int step = k / CODES;
        int scaleStep = scaleColumns > 0 ? (k + scaleColumns - 1) / Math.max(scaleColumns, 1) : 1;
        // As read from memory it bounds the loop over columns, which is not unrolled then.
        int rowWords = shape.get(MatmulShape.K) / CODES;
        int groups = context.globalGroupSizeX / groupSize;
        int batches = (n + BATCH - 1) / BATCH;
        int least = batches / groups;
        int larger = batches - least * groups;
        int begin = (context.groupIdx * least + Math.min(context.groupIdx, larger)) * BATCH;
        int end = Math.min(n, begin + (least + (context.groupIdx < larger ? 1 : 0)) * BATCH);
        // The last rows are taken with some before them, which are summed up once more: all but one of a batch at most.
        int last = end - BATCH;
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
        // Bytes are signed, and so is the place.
        if (scale == ScaleCode.BYTES) {
            for (int i = lane; i < 256; i += groupSize) {
                scaleValues[(i + 128) % 256] = tables.get(Tables.SCALES + i);
            }
        }
        for (int i = lane; i < 256 * COPIES; i += groupSize) {
            int codes = i / COPIES;
            int at = codes * (2 * COPIES) + i % COPIES * 2;
            pairs[at] = FloatBitsMatmul.value(codes << 28, 4, 2);
            pairs[at + 1] = FloatBitsMatmul.value(codes << 24, 4, 2);
        }
        for (int start = 0; start < rowWords; start += COLUMNS * groupSize) {
            int[] column = new int[COLUMNS];
            for (int c = 0; c < COLUMNS; c++) {
                column[c] = 0;
            }
            for (int c = 0; c < COLUMNS; c++) {
                column[c] = Math.min(start + c * groupSize + lane, step - 1);
            }
            int from = Math.min(begin, last);
            for (int c = 0; c < COLUMNS; c++) {
                long home = FloatBitsMatmul.home(from, column[c], step);
                int group = scaleColumns > 0 ? column[c] / Math.max(scaleColumns / CODES, 1) : 0;
                long scaleHome = FloatBitsMatmul.home(from, group, scaleStep);
                for (int i = 0; i < BATCH; i++) {
                    word[i * COLUMNS + c] = words.get((int) (home + i * step));
                    if (scaleColumns > 0 && scale == ScaleCode.BYTES) {
                        scaleByte[i * COLUMNS + c] = scaleBytes.get((int) (scaleHome + i * scaleStep));
                    }
                    if (scaleColumns > 0 && scale == ScaleCode.FLOATS) {
                        factor[i * COLUMNS + c] = scales.get((from + i) / scaleRows * scaleStep + group);
                    }
                }
            }
            // Neighbours read neighbouring numbers of x, which then change hands.
            float[] read = new float[COLUMNS * CODES];
            for (int i = 0; i < COLUMNS * CODES; i++) {
                read[i] = 0.0f;
            }
            float[] xs = new float[COLUMNS * CODES];
            for (int i = 0; i < COLUMNS * CODES; i++) {
                xs[i] = 0.0f;
            }
            for (int i = 0; i < COLUMNS * CODES; i++) {
                int at = start * CODES + i * groupSize + lane;
                if (at < k) {
                    read[i] = x.get(at);
                }
            }
            for (int c = 0; c < COLUMNS; c++) {
                for (int s = 0; s < 2; s++) {
                    context.localBarrier();
                    for (int i = 0; i < CODES / 2; i++) {
                        int to = (i * (groupSize / CODES) + lane / CODES) * (CODES + 1) + lane % CODES;
                        partial[to] = read[c * CODES + s * (CODES / 2) + i];
                    }
                    context.localBarrier();
                    for (int j = 0; j < CODES; j++) {
                        float value = partial[lane % side * (CODES + 1) + j] * FloatBitsMatmul.lift(2);
                        xs[c * CODES + j] = lane / side == s ? value : xs[c * CODES + j];
                    }
                }
            }
            context.localBarrier();
            // Sums of a round are added up in the next; the last one does nothing else.
            for (int first = begin; first < end + ROWS; first += ROWS) {
                int most = Math.min(ROWS, end - first);
                // The last work-items, which have none of the sums to add up in large groups.
                int own = lane - (groupSize - ROWS);
                int row = first - ROWS + own;
                boolean finishes = own >= 0 && first > begin && row < end;
                float before = 0.0f;
                if (finishes && start > 0) {
                    before = y.get(row);
                }
                for (int r = 0; r < most; r += BATCH) {
                    int ahead = Math.min(first + r + BATCH, last);
                    for (int c = 0; c < COLUMNS; c++) {
                        long home = FloatBitsMatmul.home(ahead, column[c], step);
                        int group = scaleColumns > 0 ? column[c] / Math.max(scaleColumns / CODES, 1) : 0;
                        long scaleHome = FloatBitsMatmul.home(ahead, group, scaleStep);
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
                    // Sums of the round before are read.
                    if (r == 0) {
                        context.localBarrier();
                    }
                    int to = BATCH - 1 + Math.min(r, last - first);
                    for (int i = 0; i < BATCH; i++) {
                        float rowSum = 0.0f;
                        for (int c = 0; c < COLUMNS; c++) {
                            float some = 0.0f;
                            long codes = word[i * COLUMNS + c];
                            for (int b = 0; b < CODES / 2; b++) {
                                int half = (int) (codes >> (b / 4 * 32));
                                int low = b % 4 * 8;
                                if (b % 4 < TABLED) {
                                    int at = ((low == 0 ? half << 5 : half >> Math.max(low - 5, 0)) & 0x1FE0) | bank;
                                    some += xs[c * CODES + 2 * b] * pairs[at];
                                    some += xs[c * CODES + 2 * b + 1] * pairs[at + 1];
                                } else {
                                    some += xs[c * CODES + 2 * b] * FloatBitsMatmul.value(half << (28 - low), 4, 2);
                                    some += xs[c * CODES + 2 * b + 1] * FloatBitsMatmul.value(half << (24 - low), 4, 2);
                                }
                            }
                            if (scaleColumns > 0 && scale == ScaleCode.BYTES) {
                                some *= scaleValues[scaleByte[i * COLUMNS + c] + 128];
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
                int round = (first - begin) / ROWS % 2;
                if (finishes) {
                    float value = 0.0f;
                    for (int i = 0; i < sharers; i++) {
                        value += sums[((1 - round) * SHARERS + i) * ROWS + own];
                    }
                    value *= FloatBitsMatmul.drop(2);
                    value *= tables.get(Tables.FACTOR);
                    if (scaleColumns == 0) {
                        int at = row / shape.get(MatmulShape.SCALE_ROWS) * shape.get(MatmulShape.SCALE_GRID_COLUMNS);
                        if (scale == ScaleCode.FLOATS) {
                            value *= scales.get(at);
                        }
                        if (scale == ScaleCode.BYTES) {
                            value *= scaleValues[scaleBytes.get(at) + 128];
                        }
                    }
                    y.set(row, value + before);
                }
                if (sum < most) {
                    float some = 0.0f;
                    for (int i = 0; i < groupSize / sharers; i++) {
                        some += partial[(BATCH - 1 + sum) * width + part + i * sharers];
                    }
                    sums[(round * SHARERS + part) * ROWS + sum] = some;
                }
            }
        }
    }
}
