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
    public static final int TABLE_LOCAL = 256;

    /** Work-items of a group that looks up codes. */
    public static final int LOCAL = 512;

    /** Words of local memory, for two blocks: 33 KB. */
    public static final int WORDS = (ENTRIES + 1) * BLOCK;

    /** What entries of 0 are rounded to. */
    private static final int MIDDLE = 1024;

    /** The sum of a block's entries of 0. */
    private static final float NOTHING = 32768.0f;

    /** Steps between 0 and the bound. */
    private static final float MOST = 1023.0f;

    /** Most passes of a group. */
    public static final int MOST_PASSES = 2;

    private static final int FILL = ENTRIES * BLOCK / LOCAL;

    private GroupCodes() {}

    /**
     * Tables, two codebooks to a group that are {@link #BLOCK} apart: BLOCK groups along x for each two blocks, one along y for
     * each hidden state.
     *
     * @param columns [S, W, 256]: entries side by side
     * @param radii [2 BLOCK · slices]: the length of each codebook's longest entry, 0 behind the last codebook
     * @param tables receives [M, slices, 256, BLOCK]
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
        float[] bounds = context.allocateFloatLocalArray(2 * BLOCK);
        int local = context.localIdx;
        int slice = context.groupIdx / BLOCK;
        int column = context.groupIdx % BLOCK;
        int slices = context.globalGroupSizeX / (TABLE_LOCAL * BLOCK);
        int d = sizes.get(HeadSizes.COLUMNS);
        int hidden = context.groupIdy * d;
        // Four work-items to the part of h that a codebook is multiplied with.
        int book = slice * 2 * BLOCK + local / 4;
        int from = book * step;
        int count = radii.get(book) > 0.0f ? Math.max(0, Math.min(width, d - from)) : 0;
        float square = 0.0f;
        for (int i = local % 4; i < count; i += 4) {
            float x = h.get(hidden + from + i);
            square += x * x;
        }
        int low = slice * 2 * BLOCK + column;
        int high = low + BLOCK;
        int lowCount = radii.get(low) > 0.0f ? Math.max(0, Math.min(width, d - low * step)) : 0;
        int highCount = radii.get(high) > 0.0f ? Math.max(0, Math.min(width, d - high * step)) : 0;
        float lowSum = 0.0f;
        for (int i = 0; i < lowCount; i++) {
            lowSum += h.get(hidden + low * step + i) * columns.get((low * width + i) * ENTRIES + local);
        }
        float highSum = 0.0f;
        for (int i = 0; i < highCount; i++) {
            highSum += h.get(hidden + high * step + i) * columns.get((high * width + i) * ENTRIES + local);
        }
        squares[local] = square;
        context.localBarrier();
        if (local < 2 * BLOCK) {
            float sum = squares[4 * local] + squares[4 * local + 1] + squares[4 * local + 2] + squares[4 * local + 3];
            bounds[local] = TornadoMath.sqrt(sum) * radii.get(slice * 2 * BLOCK + local);
        }
        context.localBarrier();
        float lowBound = bounds[0];
        float highBound = bounds[BLOCK];
        for (int i = 1; i < BLOCK; i++) {
            lowBound = Math.max(lowBound, bounds[i]);
            highBound = Math.max(highBound, bounds[BLOCK + i]);
        }
        float lowScaled = lowBound > 0.0f ? lowSum * (MOST / lowBound) : 0.0f;
        float highScaled = highBound > 0.0f ? highSum * (MOST / highBound) : 0.0f;
        // Rounding may exceed the bound a little.
        int lowEntry = (int) (Math.min(Math.max(lowScaled, -MOST), MOST) + (MIDDLE + 0.5f));
        int highEntry = (int) (Math.min(Math.max(highScaled, -MOST), MOST) + (MIDDLE + 0.5f));
        int at = (context.groupIdy * slices + slice) * ENTRIES + local;
        tables.set(at * BLOCK + column, lowEntry | (highEntry << 16));
        if (column == 0 && local < 2) {
            steps.set((context.groupIdy * slices + slice) * 2 + local, (local == 0 ? lowBound : highBound) / MOST);
        }
    }

    /**
     * The sum of what a token's codes name in the tables, two blocks at a time while the tables of the next two are on their way:
     * ceil(V / (LOCAL / parts · passes)) groups of {@link #LOCAL} along x, one along y for each hidden state. Other arguments
     * as in {@link GroupScores#rowsGroups}.
     *
     * @param codes [ceil(V / 32), blocks, LONGS, 32]: eight codes of a token to a long
     * @param tables [M, slices, 256, BLOCK]
     * @param steps [M, slices, 2]
     * @param sizes its steps are the blocks
     * @param parts work-items to a token: 2 if each has one of the two blocks
     * @param passes tokens of a work-item, at most {@link #MOST_PASSES}: filling tables is worth it only for many
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
            int passes,
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
        int base = context.groupIdy * slices * (ENTRIES * BLOCK) + local;
        int panel = context.groupIdx * passes * (width / 32) + local % width / 32;
        int most = blocks - 1;
        float[] sums = new float[MOST_PASSES];
        for (int t = 0; t < MOST_PASSES; t++) {
            sums[t] = 0.0f;
        }
        int[] next = new int[FILL];
        for (int i = 0; i < FILL; i++) {
            next[i] = 0;
        }
        long[] under = new long[LONGS * MOST_PASSES];
        for (int i = 0; i < LONGS * MOST_PASSES; i++) {
            under[i] = 0;
        }
        for (int i = 0; i < FILL; i++) {
            next[i] = tables.get(base + i * LOCAL);
        }
        for (int t = 0; t < passes; t++) {
            int row = Math.min(panel + t * (width / 32), panels - 1) * blocks;
            for (int i = 0; i < LONGS; i++) {
                under[t * LONGS + i] = codes.get((row + Math.min(part, most)) * (LONGS * 32) + lane + i * 32);
            }
        }
        for (int k = 0; k < slices; k++) {
            context.localBarrier();
            for (int i = 0; i < FILL; i++) {
                slice[i * LOCAL + local] = next[i];
            }
            if (local < BLOCK) {
                slice[ENTRIES * BLOCK + local] = next[0];
            }
            context.localBarrier();
            int ahead = base + Math.min(k + 1, slices - 1) * (ENTRIES * BLOCK);
            for (int i = 0; i < FILL; i++) {
                next[i] = tables.get(ahead + i * LOCAL);
            }
            for (int t = 0; t < passes; t++) {
                int row = Math.min(panel + t * (width / 32), panels - 1) * blocks;
                for (int j = 0; j < 2 / parts; j++) {
                    int block = 2 * k + j + part;
                    if (block <= most) {
                        int following = (row + Math.min(block + parts, most)) * (LONGS * 32) + lane;
                        float unit = steps.get(context.groupIdy * slices * 2 + block);
                        int sum = 0;
                        for (int i = 0; i < LONGS; i++) {
                            long eight = under[t * LONGS + i];
                            under[t * LONGS + i] = codes.get(following + i * 32);
                            int low = (int) eight;
                            int high = (int) (eight >> 32);
                            int at = lane + 8 * i;
                            sum += slice[((low << 5) & 0x1FE0) + at] + slice[((low >> 3) & 0x1FE0) + at + 1];
                            sum += slice[((low >> 11) & 0x1FE0) + at + 2] + slice[((low >> 19) & 0x1FE0) + at + 3];
                            sum += slice[((high << 5) & 0x1FE0) + at + 4] + slice[((high >> 3) & 0x1FE0) + at + 5];
                            sum += slice[((high >> 11) & 0x1FE0) + at + 6] + slice[((high >> 19) & 0x1FE0) + at + 7];
                        }
                        sums[t] += ((float) ((sum >> (16 * (j + part))) & 0xFFFF) - NOTHING) * unit;
                    }
                }
            }
        }
        for (int t = 0; t < passes; t++) {
            context.localBarrier();
            scores[local] = sums[t];
            context.localBarrier();
            int token = (context.groupIdx * passes + t) * width + local;
            if (local < width) {
                float score = parts == 1 ? scores[local] : scores[local] + scores[LOCAL / 2 + local % (LOCAL / 2)];
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
            int place = (context.groupIdx * passes + t) * width + local * heap;
            if (local * heap < width && place < n && heap > 0) {
                float greatest = scores[local * heap];
                for (int i = 1; i < heap; i++) {
                    greatest = Math.max(greatest, scores[local * heap + i]);
                }
                maxima.set(context.groupIdy * ((n + heap - 1) / Math.max(heap, 1)) + place / Math.max(heap, 1), greatest);
            }
        }
    }
}
