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
    public static final int BEHIND = 3;

    /** Longs before the first codes, and words before the first tables: with an array's header of 16 bytes they fill a line of 128. */
    public static final int FRONT_CODES = 14;

    public static final int FRONT_TABLES = 2 * FRONT_CODES;

    /** Bits by which eight codes are rotated to the left, so that two of them need no shift. */
    public static final int ROTATED = 5;

    /** Panels of 32 tokens of a group, at most: half if there are two work-items to a token. */
    public static final int MOST_PANELS = 80;

    /** A mask that changes no place: it tells compilers that constants may be added to it. */
    static final int PLACES = 0x3FFFFFFF;

    private static final int FILL = TABLE / LOCAL;

    private GroupCodes() {}

    /**
     * Tables, two codebooks to a group that are {@link #BLOCK} apart: BLOCK groups along x for each two blocks, one along y for
     * each hidden state.
     *
     * @param columns [S, W, 256]: entries side by side
     * @param radii [2 BLOCK · slices]: the length of each codebook's longest entry, 0 behind the last codebook
     * @param tables receives [M, slices, 256, BLOCK] behind FRONT_TABLES: an entry of the lower codebook, and above it that of
     *     the other
     * @param steps receives [M, slices, 2]
     * @param d D: places that are made of constants are known before anything is read
     * @param books S
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
            int d,
            int books,
            int step,
            int width) {
        float[] squares = context.allocateFloatLocalArray(TABLE_LOCAL);
        float[] absolutes = context.allocateFloatLocalArray(TABLE_LOCAL);
        float[] bounds = context.allocateFloatLocalArray(2 * BLOCK);
        int local = context.localIdx;
        int slice = context.groupIdx / BLOCK;
        int column = context.groupIdx % BLOCK;
        int slices = context.globalGroupSizeX / (TABLE_LOCAL * BLOCK);
        int hidden = context.groupIdy * d;
        float radius = radii.get(slice * 2 * BLOCK + local % (2 * BLOCK));
        // Two work-items to the part of h that a codebook is multiplied with.
        int from = (slice * 2 * BLOCK + local / 2) * step;
        int count = Math.max(0, Math.min(width, d - from));
        int low = slice * 2 * BLOCK + column;
        int high = low + BLOCK;
        int lowCount = low < books ? Math.max(0, Math.min(width, d - low * step)) : 0;
        int highCount = high < books ? Math.max(0, Math.min(width, d - high * step)) : 0;
        int lowAt = Math.min(low, books - 1) * width;
        int highAt = Math.min(high, books - 1) * width;
        float square = 0.0f;
        float absolute = 0.0f;
        float s00 = 0.0f;
        float s01 = 0.0f;
        float s10 = 0.0f;
        float s11 = 0.0f;
        // All that a codebook of four columns takes is read at once; behind its last column, that one once more. Whole
        // rows
        // as entries are a loop whose bound compilers do not know.
        int end = width <= 4 ? width : Math.min(width, sizes.get(HeadSizes.COLUMNS));
        for (int i = 0; i < end; i += 4) {
            for (int j = 0; j < 4; j++) {
                int c = Math.min(i + j, width - 1);
                float a = h.get(hidden + Math.min(low * step + c, d - 1));
                float b = h.get(hidden + Math.min(high * step + c, d - 1));
                float x = i + j < lowCount ? a : 0.0f;
                float z = i + j < highCount ? b : 0.0f;
                int lowPlace = (lowAt + c) * ENTRIES + local;
                int highPlace = (highAt + c) * ENTRIES + local;
                s00 += x * columns.get(lowPlace);
                s01 += x * columns.get(lowPlace + TABLE_LOCAL);
                s10 += z * columns.get(highPlace);
                s11 += z * columns.get(highPlace + TABLE_LOCAL);
            }
            for (int j = 0; j < 4; j += 2) {
                int c = i + j + local % 2;
                float a = h.get(hidden + Math.min(from + c, d - 1));
                float x = c < count ? a : 0.0f;
                square += x * x;
                absolute += Math.max(x, -x);
            }
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
            bounds[local] = radius > 0.0f ? Math.min(length * radius, GREATEST) : 0.0f;
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
        int place = FRONT_TABLES + (context.groupIdy * slices + slice) * TABLE + local * BLOCK + column;
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
     * The sum of what a token's codes name in the tables. A group fills local memory with the tables of two blocks, goes through all
     * of its tokens, and takes up the next two. Its time is shorter the more tokens it has to the same tables, so slices may be
     * dealt out to several groups, each of which has all of these tokens: the sums of their pieces are added up by
     * {@link #piecesGroups}. ceil(V / (32 · panels)) times pieces groups of {@link #LOCAL} along x, one along y for each hidden
     * state. Other arguments as in {@link GroupScores#rowsGroups}.
     *
     * @param codes [ceil(V / 32), blocks, LONGS, 32] behind FRONT_CODES: eight codes of a token to a long, {@link #ROTATED};
     *     {@link #BEHIND} blocks are read behind them, and not used
     * @param tables [M, slices, 256, BLOCK] behind FRONT_TABLES
     * @param steps [M, slices, 2]
     * @param y receives [M, pieces, V]
     * @param sizes its steps are the blocks
     * @param parts work-items to a token: 2 if each has one of the two blocks
     * @param pieces groups to the same tokens; neither bias nor maxima if they are several
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
            int pieces,
            int heap) {
        int[] slice = context.allocateIntLocalArray(WORDS);
        float[] scores = context.allocateFloatLocalArray(32 * MOST_PANELS);
        int local = context.localIdx;
        int lane = local % 32;
        int width = LOCAL / parts;
        int warps = width / 32;
        int warp = local % width / 32;
        int part = parts == 1 ? 0 : local / width;
        int n = sizes.get(HeadSizes.ROWS);
        int blocks = sizes.get(HeadSizes.STEPS);
        int slices = (blocks + 1) / 2;
        int piece = context.groupIdx % pieces;
        int firstSlice = piece * slices / pieces;
        int endSlice = (piece + 1) * slices / pieces;
        // Tokens that are left over go to the first groups, a panel each.
        int chunk = context.groupIdx / pieces;
        int chunks = context.globalGroupSizeX / (LOCAL * pieces);
        int panels = (n + 31) / 32;
        int share = panels / chunks;
        int rest = panels % chunks;
        int begin = chunk * share + Math.min(chunk, rest);
        int last = begin + share + (chunk < rest ? 1 : 0) - 1;
        int panel = begin + warp;
        // None for warps that are left over: they fill tables only.
        int rounds = (last - panel + warps) / warps;
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
        long from = ((Math.min(panel, last) * blocks + 2 * firstSlice + part) * (LONGS * 32) + lane) & PLACES;
        for (int i = 0; i < LONGS; i++) {
            under[i] = codes.get((int) (from + (FRONT_CODES + i * 32)));
        }
        for (int round = 0; round < rounds; round++) {
            scores[round * LOCAL + local] = 0.0f;
        }
        for (int k = firstSlice; k < endSlice; k++) {
            long table = (fill + k * TABLE) & PLACES;
            for (int i = 0; i < FILL; i++) {
                next[i] = tables.get((int) (table + (FRONT_TABLES + i * LOCAL)));
            }
            context.localBarrier();
            for (int i = 0; i < FILL; i++) {
                slice[i * LOCAL + local] = next[i];
            }
            if (local < BLOCK) {
                slice[TABLE + local] = next[0];
            }
            context.localBarrier();
            for (int round = 0; round < rounds; round++) {
                // The same blocks of the next tokens, or the next blocks of the first ones.
                int more = round + 1 < rounds ? round + 1 : 0;
                int block = round + 1 < rounds ? 2 * k : 2 * k + 2;
                from = ((Math.min(panel + more * warps, last) * blocks + block + part) * (LONGS * 32) + lane) & PLACES;
                long here =
                        ((Math.min(panel + round * warps, last) * blocks + 2 * k + 1) * (LONGS * 32) + lane) & PLACES;
                float score = 0.0f;
                for (int j = 0; j < 2 / parts; j++) {
                    int sum = 0;
                    // Under way while codes are looked up.
                    float worth = steps.get(unit + 2 * k + j);
                    for (int i = 0; i < LONGS; i++) {
                        long eight = under[i];
                        under[i] = codes.get((int) ((parts == 1 && j == 0 ? here : from) + (FRONT_CODES + i * 32)));
                        int low = (int) eight;
                        int high = (int) (eight >> 32);
                        int at = 8 * i;
                        sum += slice[((low & 0x1FE0) | lane) + at];
                        sum += slice[(((low >> 8) & 0x1FE0) | lane) + (at + 1)];
                        sum += slice[(((low >> 16) & 0x1FE0) | lane) + (at + 2)];
                        sum += slice[(((int) (eight >> 24) & 0x1FE0) | lane) + (at + 3)];
                        sum += slice[((high & 0x1FE0) | lane) + (at + 4)];
                        sum += slice[(((high >> 8) & 0x1FE0) | lane) + (at + 5)];
                        sum += slice[(((high >> 16) & 0x1FE0) | lane) + (at + 6)];
                        sum += slice[((((low << 8) | ((high >> 24) & 0xFF)) & 0x1FE0) | lane) + (at + 7)];
                    }
                    // Behind the last block tables are 0 throughout, whatever the codes.
                    score += ((float) ((sum >> (16 * (j + part))) & 0xFFFF) - NOTHING) * worth;
                }
                scores[round * LOCAL + local] += score;
            }
        }
        context.localBarrier();
        int tokens = 32 * (last + 1 - begin);
        for (int i = local; i < tokens; i += LOCAL) {
            int token = 32 * begin + i;
            int place = i / width * LOCAL + i % width;
            float score = parts == 1 ? scores[place] : scores[place] + scores[place + LOCAL / 2];
            if (token < n) {
                if (biased != 0) {
                    score += bias.get(token);
                }
                y.set((context.groupIdy * pieces + piece) * n + token, score);
            } else {
                score = -3.4028235e38f;
            }
            scores[place] = score;
        }
        context.localBarrier();
        int heaps = heap > 0 ? tokens / Math.max(heap, 1) : 0;
        for (int i = local; i < heaps; i += LOCAL) {
            int place = i * heap / width * LOCAL + i * heap % width;
            int token = 32 * begin + i * heap;
            if (token < n) {
                float most = scores[place];
                for (int j = 0; j < heap; j++) {
                    // Each begins elsewhere: one after the other, all would wait for the same bank.
                    most = Math.max(most, scores[place + (i + j) % Math.max(heap, 1)]);
                }
                maxima.set(context.groupIdy * ((n + heap - 1) / Math.max(heap, 1)) + token / Math.max(heap, 1), most);
            }
        }
    }

    /**
     * The sum of the pieces that {@link #codesGroups} leaves: ceil(V / LOCAL) groups of {@link #LOCAL} along x, one along y
     * for each hidden state. Other arguments as in {@link GroupScores#rowsGroups}.
     *
     * @param sums [M, pieces, V]
     * @param y receives [M, V]
     */
    public static void piecesGroups(
            KernelContext context,
            FloatArray sums,
            FloatArray bias,
            FloatArray y,
            FloatArray maxima,
            int n,
            int biased,
            int pieces,
            int heap) {
        float[] scores = context.allocateFloatLocalArray(LOCAL);
        int local = context.localIdx;
        int token = context.groupIdx * LOCAL + local;
        float score = -3.4028235e38f;
        if (token < n) {
            score = biased != 0 ? bias.get(token) : 0.0f;
            for (int i = 0; i < pieces; i++) {
                score += sums.get((context.groupIdy * pieces + i) * n + token);
            }
            y.set(context.groupIdy * n + token, score);
        }
        scores[local] = score;
        context.localBarrier();
        int heaps = heap > 0 ? LOCAL / Math.max(heap, 1) : 0;
        int first = context.groupIdx * LOCAL + local * heap;
        if (local < heaps && first < n) {
            float most = scores[local * heap];
            for (int j = 0; j < heap; j++) {
                // Each begins elsewhere, in another bank.
                most = Math.max(most, scores[local * heap + (local + j) % Math.max(heap, 1)]);
            }
            maxima.set(context.groupIdy * ((n + heap - 1) / Math.max(heap, 1)) + first / Math.max(heap, 1), most);
        }
    }
}
