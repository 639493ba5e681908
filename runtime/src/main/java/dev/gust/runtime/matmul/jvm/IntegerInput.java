package dev.gust.runtime.matmul.jvm;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;

/**
 * One row of x rounded to INT8: x ≈ scale · code for each block of 32, scale = amax / 127. Codes are kept as 16-bit
 * numbers, which is what they are multiplied as, in the order in which a weight's bytes yield theirs. A NaN or an infinity
 * makes the scale of its block, and so every product, NaN or infinite.
 */
final class IntegerInput implements RowsProduct.Input {
    /** Elements that share a scale. */
    static final int BLOCK = 32;

    private static final ValueLayout.OfFloat F32 = ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final int MOST = 127;

    /** Adding and subtracting it rounds a float below 2^22 to the nearest integer, ties to even. */
    private static final float ROUNDER = 3 << 22;

    /** Below it 127 / amax would overflow; such numbers vanish beside any others. */
    private static final float LEAST_AMAX = 0x1p-120f;

    /** The order of codes in a block of 32. */
    enum Order {
        /** As they are numbered. */
        NATURAL,
        /** The even ones first: bytes hold neighbours. */
        EVEN_ODD,
        /** 0 to 7, 16 to 23, 8 to 15, 24 to 31: bytes hold elements j and j + 8 of 16. */
        EIGHTS;

        private int element(int position) {
            return switch (this) {
                case NATURAL -> position;
                case EVEN_ODD -> position < 16 ? 2 * position : 2 * position - 31;
                case EIGHTS -> (position & 7) | (position & 8) << 1 | (position & 16) >> 1;
            };
        }
    }

    final short[] codes;

    /** For each block. */
    final float[] scales;

    /** The sum of each block's rounded values, for weights with a minimum. */
    final float[] sums;

    private final float[] x;
    private final float[] rounded = new float[BLOCK];
    private final int[] elements = new int[BLOCK];
    private final ScratchPool<IntegerInput> pool;

    /**
     * @param k a multiple of {@link #BLOCK}
     * @param pool where it goes when it is closed
     */
    IntegerInput(int k, Order order, ScratchPool<IntegerInput> pool) {
        this.codes = new short[k];
        this.scales = new float[k / BLOCK];
        this.sums = new float[k / BLOCK];
        this.x = new float[k];
        this.pool = pool;
        for (int i = 0; i < BLOCK; i++) {
            elements[i] = order.element(i);
        }
    }

    void load(MemorySegment from, long row) {
        MemorySegment.copy(from, F32, row * x.length * Float.BYTES, x, 0, x.length);
        for (int b = 0; b < scales.length; b++) {
            round(b);
        }
    }

    private void round(int block) {
        int first = block * BLOCK;
        float amax = 0;
        for (int i = 0; i < BLOCK; i++) {
            amax = Math.max(amax, Math.abs(x[first + i]));
        }
        float inverse = amax < LEAST_AMAX ? 0 : MOST / amax;
        float sum = 0;
        for (int i = 0; i < BLOCK; i++) {
            rounded[i] = x[first + i] * inverse + ROUNDER - ROUNDER;
            sum += rounded[i];
        }
        for (int i = 0; i < BLOCK; i++) {
            codes[first + i] = (short) rounded[elements[i]];
        }
        scales[block] = amax / MOST;
        sums[block] = sum * scales[block];
    }

    @Override
    public void close() {
        pool.giveBack(this);
    }
}
