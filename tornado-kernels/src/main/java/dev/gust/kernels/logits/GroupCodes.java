package dev.gust.kernels.logits;

import uk.ac.manchester.tornado.api.KernelContext;
import uk.ac.manchester.tornado.api.math.TornadoMath;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;
import uk.ac.manchester.tornado.api.types.arrays.LongArray;

/**
 * Scores from codes into codebooks, whose tables of products with the hidden state pass through local memory. Work-items that
 * read random entries of one table would wait for banks of that memory, 3.5 times on average. So each of 32 neighbours reads
 * another table: at its place t, lane l has the code for codebook (l + t) mod 32 of a block of 32, and a row of local memory
 * holds one entry of each of these, one in every bank.
 *
 * <p>With l and t the place of an entry is then {@code 32 · code + l + t}, without a remainder: behind the last codebook that
 * leads to the first one's entry of the next row, and the codes there are one less. One more row, behind the last, holds
 * entry 0 again.
 *
 * <p>A word holds entries of two blocks, each 11 bits: rounded to steps of the block and beginning at {@link #MIDDLE}, so that sums
 * of 32 fit 16 bits and none borrows from the other. Steps are those of a bound by Cauchy and Schwarz, |h| times the longest
 * entry, for the widest table of a block: what the tables themselves hold would take one more launch to find.
 */
public final class GroupCodes {
    /** Codebooks of a block, one in each bank. */
    public static final int BLOCK = 32;

    /** Entries of a codebook. */
    public static final int ENTRIES = 256;

    /** Longs of eight codes that a token has for a block. */
    public static final int LONGS = BLOCK / 8;

    /** Work-items of a group that makes tables. */
    public static final int TABLE_LOCAL = ENTRIES / 2;

    /** Work-items of a group that looks up codes. */
    public static final int LOCAL = 512;

    /** Words of the tables of two blocks. */
    public static final int TABLE = ENTRIES * BLOCK;

    /** Words of local memory: 33 KB. */
    public static final int WORDS = TABLE + BLOCK;

    /** What entries of 0 are rounded to. */
    private static final int MIDDLE = 1024;

    /** The sum of a block's entries of 0. */
    private static final float NOTHING = 32768.0f;

    /** Steps between 0 and the bound. */
    private static final float MOST = 1023.0f;

    private static final float GREATEST = 3.4028235e38f;

    /** Blocks of codes that are read behind the last one, and not used. */
    public static final int BEHIND = 2;

    private static final int FILL = TABLE / LOCAL;

    private GroupCodes() {}

    /**
     * Tables, two codebooks to a group that are {@link #BLOCK} apart: BLOCK groups along x for each two blocks, one along y for
     * each hidden state.
     *
     * @param columns [S, W, 256]: entries side by side
     * @param radii [2 BLOCK · slices]: the length of each codebook's longest entry, 0 behind the last codebook
     * @param tables receives [M, slices, 256, BLOCK]: an entry of the lower codebook, and above it that of the other
     * @param steps receives [M, slices, 2]
     * @param step columns from a codebook to the next: W, or 0 if entries are whole rows
     * @param width W
     */
    public static void tablesGroups(
            KernelContext context,
            FloatArray columns,
            FloatArray radii,
            FloatArray h,
            IntArray tables,
            FloatArray steps,
            IntArray sizes,
            int step,
            int width) {
        float[] squares = context.allocateFloatLocalArray(TABLE_LOCAL);
        float[] absolutes = context.allocateFloatLocalArray(TABLE_LOCAL);
        float[] bounds = context.allocateFloatLocalArray(2 * BLOCK);
        int local = context.localIdx;
        int slice = context.groupIdx / BLOCK;
        int column = context.groupIdx % BLOCK;
        int slices = context.globalGroupSizeX / (TABLE_LOCAL * BLOCK);
        int d = sizes.get(HeadSizes.COLUMNS);
        int hidden = context.groupIdy * d;
        // Two work-items to the part of h that a codebook is multiplied with.
        int book = slice * 2 * BLOCK + local / 2;
        int from = book * step;
        int count = radii.get(book) > 0.0f ? Math.max(0, Math.min(width, d - from)) : 0;
        float square = 0.0f;
        float absolute = 0.0f;
        for (int i = local % 2; i < count; i += 2) {
            float x = h.get(hidden + from + i);
            square += x * x;
            absolute += Math.max(x, -x);
        }
        int low = slice * 2 * BLOCK + column;
        int high = low + BLOCK;
        int lowCount = radii.get(low) > 0.0f ? Math.max(0, Math.min(width, d - low * step)) : 0;
        int highCount = radii.get(high) > 0.0f ? Math.max(0, Math.min(width, d - high * step)) : 0;
        float s00 = 0.0f;
        float s01 = 0.0f;
        for (int i = 0; i < lowCount; i++) {
            int at = (low * width + i) * ENTRIES + local;
            float x = h.get(hidden + low * step + i);
            s00 += x * columns.get(at);
            s01 += x * columns.get(at + TABLE_LOCAL);
        }
        float s10 = 0.0f;
        float s11 = 0.0f;
        for (int i = 0; i < highCount; i++) {
            int at = (high * width + i) * ENTRIES + local;
            float x = h.get(hidden + high * step + i);
            s10 += x * columns.get(at);
            s11 += x * columns.get(at + TABLE_LOCAL);
        }
        squares[local] = square;
        absolutes[local] = absolute;
        context.localBarrier();
        if (local < 2 * BLOCK) {
            float sum = squares[2 * local] + squares[2 * local + 1];
            // Where squares leave the range of float32, the sum of absolute values is a bound, too.
            float length = sum > 1e-30f && sum < 1e38f
                    ? TornadoMath.sqrt(sum)
                    : absolutes[2 * local] + absolutes[2 * local + 1];
            bounds[local] = Math.min(length * radii.get(slice * 2 * BLOCK + local), GREATEST);
        }
        context.localBarrier();
        float lowBound = bounds[0];
        float highBound = bounds[BLOCK];
        for (int i = 1; i < BLOCK; i++) {
            lowBound = Math.max(lowBound, bounds[i]);
            highBound = Math.max(highBound, bounds[BLOCK + i]);
        }
        float lowScale = lowBound > 0.0f ? Math.min(MOST / lowBound, GREATEST) : 0.0f;
        float highScale = highBound > 0.0f ? Math.min(MOST / highBound, GREATEST) : 0.0f;
        int place = (context.groupIdy * slices + slice) * TABLE + local * BLOCK + column;
        tables.set(place, rounded(s00 * lowScale) | (rounded(s10 * highScale) << 16));
        tables.set(place + TABLE / 2, rounded(s01 * lowScale) | (rounded(s11 * highScale) << 16));
        if (column == 0 && local < 2) {
            steps.set((context.groupIdy * slices + slice) * 2 + local, (local == 0 ? lowBound : highBound) / MOST);
        }
    }

    /** Rounding may exceed the bound a little. */
    private static int rounded(float scaled) {
        return (int) (Math.min(Math.max(scaled, -MOST), MOST) + (MIDDLE + 0.5f));
    }

    /**
     * The sum of what a token's codes name in the tables, two blocks at a time while the tables of the next two are on their way:
     * ceil(V / (LOCAL / parts)) groups of {@link #LOCAL} along x, one along y for each hidden state. Other arguments
     * as in {@link GroupScores#rowsGroups}.
     *
     * @param codes [ceil(V / 32), blocks, LONGS, 32]: eight codes of a token to a long
     * @param tables [M, slices, 256, BLOCK]: that of one more slice is read behind them, and not used
     * @param steps [M, slices, 2]
     * @param sizes its steps are the blocks
     * @param parts work-items to a token: 2 if each has one of the two blocks
     */
    public static void codesGroups(
            KernelContext context,
            LongArray codes,
            IntArray tables,
            FloatArray steps,
            FloatArray bias,
            FloatArray y,
            FloatArray maxima,
            IntArray sizes,
            int biased,
            int parts,
            int heap) {
        int[] slice = context.allocateIntLocalArray(WORDS);
        float[] scores = context.allocateFloatLocalArray(LOCAL);
        int local = context.localIdx;
        int lane = local % 32;
        int width = LOCAL / parts;
        int part = parts == 1 ? 0 : local / width;
        int n = sizes.get(HeadSizes.ROWS);
        int blocks = sizes.get(HeadSizes.STEPS);
        int slices = (blocks + 1) / 2;
        int panels = (n + 31) / 32;
        int panel = context.groupIdx * (width / 32) + local % width / 32;
        int row = (Math.min(panel, panels - 1) * blocks + part) * (LONGS * 32) + lane;
        int fill = context.groupIdy * slices * TABLE + local;
        int unit = context.groupIdy * slices * 2 + part;
        int[] next = new int[FILL];
        for (int i = 0; i < FILL; i++) {
            next[i] = 0;
        }
        // Read anew as soon as they are used, so that as many are always under way.
        long[] under = new long[LONGS];
        for (int i = 0; i < LONGS; i++) {
            under[i] = 0;
        }
        for (int i = 0; i < FILL; i++) {
            next[i] = tables.get(fill + i * LOCAL);
        }
        for (int i = 0; i < LONGS; i++) {
            under[i] = codes.get(row + i * 32);
        }
        float score = 0.0f;
        for (int k = 0; k < slices; k++) {
            context.localBarrier();
            for (int i = 0; i < FILL; i++) {
                slice[i * LOCAL + local] = next[i];
            }
            if (local < BLOCK) {
                slice[TABLE + local] = next[0];
            }
            context.localBarrier();
            int ahead = fill + (k + 1) * TABLE;
            for (int i = 0; i < FILL; i++) {
                next[i] = tables.get(ahead + i * LOCAL);
            }
            for (int j = 0; j < 2 / parts; j++) {
                if (2 * k + j + part < blocks) {
                    int following = row + (2 * k + j + parts) * (LONGS * 32);
                    int sum = 0;
                    for (int i = 0; i < LONGS; i++) {
                        long eight = under[i];
                        under[i] = codes.get(following + i * 32);
                        int low = (int) eight;
                        int high = (int) (eight >> 32);
                        int at = 8 * i;
                        sum += slice[((low << 5) & 0x1FE0) + lane + at];
                        sum += slice[((low >> 3) & 0x1FE0) + lane + (at + 1)];
                        sum += slice[((low >> 11) & 0x1FE0) + lane + (at + 2)];
                        sum += slice[((low >> 19) & 0x1FE0) + lane + (at + 3)];
                        sum += slice[((high << 5) & 0x1FE0) + lane + (at + 4)];
                        sum += slice[((high >> 3) & 0x1FE0) + lane + (at + 5)];
                        sum += slice[((high >> 11) & 0x1FE0) + lane + (at + 6)];
                        sum += slice[((high >> 19) & 0x1FE0) + lane + (at + 7)];
                    }
                    float worth = steps.get(unit + 2 * k + j);
                    score += ((float) ((sum >> (16 * (j + part))) & 0xFFFF) - NOTHING) * worth;
                }
            }
        }
        scores[local] = score;
        context.localBarrier();
        int token = context.groupIdx * width + local;
        if (local < width) {
            score = parts == 1 ? score : score + scores[LOCAL / 2 + local % (LOCAL / 2)];
            if (token < n) {
                if (biased != 0) {
                    score += bias.get(token);
                }
                y.set(context.groupIdy * n + token, score);
            } else {
                score = -3.4028235e38f;
            }
            scores[local] = score;
        }
        context.localBarrier();
        int place = context.groupIdx * width + local * heap;
        if (local * heap < width && place < n && heap > 0) {
            float most = scores[local * heap];
            for (int i = 1; i < heap; i++) {
                most = Math.max(most, scores[local * heap + i]);
            }
            maxima.set(context.groupIdy * ((n + heap - 1) / Math.max(heap, 1)) + place / Math.max(heap, 1), most);
        }
    }
}
