package dev.gust.kernels.attention;

import uk.ac.manchester.tornado.api.KernelContext;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;

/**
 * U = X (beta v) and W = X (beta e ∘ exp G) for every chunk and head, with X = (I + Diag(beta) A)⁻¹ and A strictly below the
 * diagonal: what the scan writes is then U − W S. A group has one head of one chunk.
 *
 * <p>X is found by forward substitution in the four diagonal blocks of 16 and merged from there,
 * {@code X₂₁ = −X₂₂ A₂₁ X₁₁}. The product of powers that some kernels use instead, (I − A)(I + A²)(I + A⁴)…, loses all
 * digits where keys are alike.
 */
public final class GroupDeltaSolve {
    private static final int BLOCK = 16;

    private static final int PADDED = DeltaTiles.TOKENS + 1;

    /** Floats of local memory. */
    public static final int LOCAL_FLOATS = 2 * DeltaTiles.TOKENS * PADDED + DeltaTiles.TOKENS;

    private GroupDeltaSolve() {}

    /**
     * The kernel, for chunks · HV groups of {@link DeltaTiles#LOCAL}.
     *
     * @param shape see {@link DeltaShape}
     * @param chunks see {@link ChunkTable}
     * @param v [tokens, HV, V]
     * @param beta [tokens, HV]; one float if it is not there
     * @param pairs A and P [chunks, HV, 2, C, C] of {@link GroupDeltaPairs}
     * @param erasers e ∘ exp G [tokens, HV, K], receives W in its place; one float if nothing is erased
     * @param targets receives U [tokens, HV, V]
     * @param form bits of {@link DeltaForm}
     */
    public static void deltaSolve(
            KernelContext context,
            IntArray shape,
            IntArray chunks,
            FloatArray v,
            FloatArray beta,
            FloatArray pairs,
            FloatArray erasers,
            FloatArray targets,
            int form) {
        float[] a = context.allocateFloatLocalArray(DeltaTiles.TOKENS * PADDED);
        float[] x = context.allocateFloatLocalArray(DeltaTiles.TOKENS * PADDED);
        float[] strengths = context.allocateFloatLocalArray(DeltaTiles.TOKENS);
        int item = context.localIdx;
        int keyDim = shape.get(DeltaShape.KEY_DIM);
        int valueDim = shape.get(DeltaShape.VALUE_DIM);
        int heads = shape.get(DeltaShape.VALUE_HEADS);
        int length = shape.get(DeltaShape.CHUNK);
        int chunk = context.groupIdx / heads;
        int head = context.groupIdx % heads;
        int first = chunks.get(chunk * ChunkTable.LENGTH + ChunkTable.FIRST);
        int tokens = chunks.get(chunk * ChunkTable.LENGTH + ChunkTable.END) - first;
        if (item < DeltaTiles.TOKENS) {
            float strength = 0.0f;
            if (item < tokens) {
                strength = 1.0f;
                if ((form & DeltaForm.BETA) != 0) {
                    strength = beta.get((first + item) * heads + head);
                }
            }
            strengths[item] = strength;
        }
        context.localBarrier();
        int column = item % DeltaTiles.TOKENS;
        int line = item / DeltaTiles.TOKENS;
        int toA = (chunk * heads + head) * 2 * length * length;
        for (int row = line; row < DeltaTiles.TOKENS; row += DeltaTiles.PARTS) {
            float value = 0.0f;
            if ((form & DeltaForm.ERASE) != 0 && column < row && row < tokens) {
                value = pairs.get(toA + row * length + column) * strengths[row];
            }
            a[row * PADDED + column] = value;
            x[row * PADDED + column] = 0.0f;
        }
        context.localBarrier();
        if (item < DeltaTiles.TOKENS) {
            int corner = item / BLOCK * BLOCK;
            int own = item % BLOCK;
            for (int r = 0; r < BLOCK; r++) {
                int at = (corner + r) * PADDED;
                float value = 0.0f;
                if (r == own) {
                    value = 1.0f;
                }
                for (int m = own; m < r; m++) {
                    value -= a[at + corner + m] * x[(corner + m) * PADDED + item];
                }
                x[at + item] = value;
            }
        }
        context.localBarrier();
        // Blocks of 16 become blocks of 32: two of them, two sums to a work-item.
        int upper = item / (DeltaTiles.LOCAL / 2) * 2 * BLOCK;
        int r = upper + BLOCK + item % (DeltaTiles.LOCAL / 2) / (BLOCK / 2);
        int c = upper + item % (BLOCK / 2);
        float first0 = 0.0f;
        float first1 = 0.0f;
        for (int m = 0; m < BLOCK; m++) {
            float value = a[r * PADDED + upper + m];
            first0 += value * x[(upper + m) * PADDED + c];
            first1 += value * x[(upper + m) * PADDED + c + BLOCK / 2];
        }
        context.localBarrier();
        a[r * PADDED + c] = first0;
        a[r * PADDED + c + BLOCK / 2] = first1;
        context.localBarrier();
        first0 = 0.0f;
        first1 = 0.0f;
        for (int m = 0; m < BLOCK; m++) {
            float value = x[r * PADDED + upper + BLOCK + m];
            first0 -= value * a[(upper + BLOCK + m) * PADDED + c];
            first1 -= value * a[(upper + BLOCK + m) * PADDED + c + BLOCK / 2];
        }
        x[r * PADDED + c] = first0;
        x[r * PADDED + c + BLOCK / 2] = first1;
        context.localBarrier();
        // Blocks of 32 become the whole: 2 × 2 sums to a work-item.
        r = 2 * BLOCK + item / BLOCK;
        c = item % BLOCK;
        first0 = 0.0f;
        first1 = 0.0f;
        float second0 = 0.0f;
        float second1 = 0.0f;
        for (int m = 0; m < 2 * BLOCK; m++) {
            float value0 = a[r * PADDED + m];
            float value1 = a[(r + BLOCK) * PADDED + m];
            float left = x[m * PADDED + c];
            float right = x[m * PADDED + c + BLOCK];
            first0 += value0 * left;
            first1 += value0 * right;
            second0 += value1 * left;
            second1 += value1 * right;
        }
        context.localBarrier();
        a[r * PADDED + c] = first0;
        a[r * PADDED + c + BLOCK] = first1;
        a[(r + BLOCK) * PADDED + c] = second0;
        a[(r + BLOCK) * PADDED + c + BLOCK] = second1;
        context.localBarrier();
        first0 = 0.0f;
        first1 = 0.0f;
        second0 = 0.0f;
        second1 = 0.0f;
        for (int m = 0; m < 2 * BLOCK; m++) {
            float value0 = x[r * PADDED + 2 * BLOCK + m];
            float value1 = x[(r + BLOCK) * PADDED + 2 * BLOCK + m];
            float left = a[(2 * BLOCK + m) * PADDED + c];
            float right = a[(2 * BLOCK + m) * PADDED + c + BLOCK];
            first0 -= value0 * left;
            first1 -= value0 * right;
            second0 -= value1 * left;
            second1 -= value1 * right;
        }
        x[r * PADDED + c] = first0;
        x[r * PADDED + c + BLOCK] = first1;
        x[(r + BLOCK) * PADDED + c] = second0;
        x[(r + BLOCK) * PADDED + c + BLOCK] = second1;
        int tileColumn = item % BLOCK;
        int tileRow = item / BLOCK * DeltaTiles.QUAD;
        int valueTiles = (valueDim + DeltaTiles.TOKENS - 1) / DeltaTiles.TOKENS;
        int tiles = valueTiles;
        if (tokens <= 0) {
            tiles = 0;
        } else if ((form & DeltaForm.ERASE) != 0) {
            tiles += (keyDim + DeltaTiles.TOKENS - 1) / DeltaTiles.TOKENS;
        }
        for (int tile = 0; tile < tiles; tile++) {
            // First the columns of v, then those of the erase keys.
            int from = tile * DeltaTiles.TOKENS;
            int width = valueDim;
            if (tile >= valueTiles) {
                from = (tile - valueTiles) * DeltaTiles.TOKENS;
                width = keyDim;
            }
            context.localBarrier();
            for (int row = line; row < DeltaTiles.TOKENS; row += DeltaTiles.PARTS * DeltaTiles.QUAD) {
                int values = tile < valueTiles ? 1 : 0;
                int token0 = first + Math.min(row, tokens - 1);
                int token1 = first + Math.min(row + 4, tokens - 1);
                int token2 = first + Math.min(row + 8, tokens - 1);
                int token3 = first + Math.min(row + 12, tokens - 1);
                float value0 = from(v, erasers, values, token0, heads, head, width, from + column);
                float value1 = from(v, erasers, values, token1, heads, head, width, from + column);
                float value2 = from(v, erasers, values, token2, heads, head, width, from + column);
                float value3 = from(v, erasers, values, token3, heads, head, width, from + column);
                a[row * PADDED + column] = value0 * strengths[row];
                a[(row + 4) * PADDED + column] = value1 * strengths[row + 4];
                a[(row + 8) * PADDED + column] = value2 * strengths[row + 8];
                a[(row + 12) * PADDED + column] = value3 * strengths[row + 12];
            }
            context.localBarrier();
            float u00 = 0.0f;
            float u01 = 0.0f;
            float u02 = 0.0f;
            float u03 = 0.0f;
            float u10 = 0.0f;
            float u11 = 0.0f;
            float u12 = 0.0f;
            float u13 = 0.0f;
            float u20 = 0.0f;
            float u21 = 0.0f;
            float u22 = 0.0f;
            float u23 = 0.0f;
            float u30 = 0.0f;
            float u31 = 0.0f;
            float u32 = 0.0f;
            float u33 = 0.0f;
            int deep = tileRow < tokens ? tileRow + DeltaTiles.QUAD : 0;
            for (int m = 0; m < deep; m++) {
                int atX = tileRow * PADDED + m;
                int atA = m * PADDED + tileColumn;
                float c0 = a[atA];
                float c1 = a[atA + 16];
                float c2 = a[atA + 32];
                float c3 = a[atA + 48];
                float x0 = x[atX];
                u00 += x0 * c0;
                u01 += x0 * c1;
                u02 += x0 * c2;
                u03 += x0 * c3;
                float x1 = x[atX + PADDED];
                u10 += x1 * c0;
                u11 += x1 * c1;
                u12 += x1 * c2;
                u13 += x1 * c3;
                float x2 = x[atX + 2 * PADDED];
                u20 += x2 * c0;
                u21 += x2 * c1;
                u22 += x2 * c2;
                u23 += x2 * c3;
                float x3 = x[atX + 3 * PADDED];
                u30 += x3 * c0;
                u31 += x3 * c1;
                u32 += x3 * c2;
                u33 += x3 * c3;
            }
            int values = tile < valueTiles ? 1 : 0;
            int at = from + tileColumn;
            int there0 = tileRow < tokens ? 1 : 0;
            to(targets, erasers, values, there0, first + tileRow, heads, head, width, at, u00);
            to(targets, erasers, values, there0, first + tileRow, heads, head, width, at + 16, u01);
            to(targets, erasers, values, there0, first + tileRow, heads, head, width, at + 32, u02);
            to(targets, erasers, values, there0, first + tileRow, heads, head, width, at + 48, u03);
            int there1 = tileRow + 1 < tokens ? 1 : 0;
            to(targets, erasers, values, there1, first + tileRow + 1, heads, head, width, at, u10);
            to(targets, erasers, values, there1, first + tileRow + 1, heads, head, width, at + 16, u11);
            to(targets, erasers, values, there1, first + tileRow + 1, heads, head, width, at + 32, u12);
            to(targets, erasers, values, there1, first + tileRow + 1, heads, head, width, at + 48, u13);
            int there2 = tileRow + 2 < tokens ? 1 : 0;
            to(targets, erasers, values, there2, first + tileRow + 2, heads, head, width, at, u20);
            to(targets, erasers, values, there2, first + tileRow + 2, heads, head, width, at + 16, u21);
            to(targets, erasers, values, there2, first + tileRow + 2, heads, head, width, at + 32, u22);
            to(targets, erasers, values, there2, first + tileRow + 2, heads, head, width, at + 48, u23);
            int there3 = tileRow + 3 < tokens ? 1 : 0;
            to(targets, erasers, values, there3, first + tileRow + 3, heads, head, width, at, u30);
            to(targets, erasers, values, there3, first + tileRow + 3, heads, head, width, at + 16, u31);
            to(targets, erasers, values, there3, first + tileRow + 3, heads, head, width, at + 32, u32);
            to(targets, erasers, values, there3, first + tileRow + 3, heads, head, width, at + 48, u33);
        }
    }

    /** Elements of v or of the erase keys, with nothing read past their ends. */
    private static float from(
            FloatArray v, FloatArray erasers, int values, int row, int heads, int head, int width, int column) {
        int at = (row * heads + head) * width + Math.min(column, width - 1);
        float value = 0.0f;
        if (values != 0) {
            value = v.get(at);
        } else {
            value = erasers.get(at);
        }
        return value;
    }

    private static void to(
            FloatArray targets,
            FloatArray erasers,
            int values,
            int there,
            int row,
            int heads,
            int head,
            int width,
            int column,
            float value) {
        if (there != 0 && column < width) {
            int at = (row * heads + head) * width + column;
            if (values != 0) {
                targets.set(at, value);
            } else {
                erasers.set(at, value);
            }
        }
    }
}
