package dev.gust.runtime.matmul.jvm;

import java.lang.foreign.MemorySegment;

/**
 * One row of x, rounded as {@link IntegerInput} does, in the order in which the lanes of 512-bit vectors take it, and its
 * scales, laid out so that a vector of them can be loaded.
 */
final class WideInput implements RowsProduct.Input {
    /** The order of codes repeats after so many. */
    private static final int UNIT = 128;

    private static final int BLOCK = IntegerInput.BLOCK;

    /** What the 64 bytes of codes hold that a loop takes at a time, seen as 32 lanes of 16 bits. */
    enum Layout {
        /** One byte to a code: as they are numbered. */
        BYTES,
        /** 64 bytes of codes, even ones first: a lane's low byte, then its high one. */
        PAIRS,
        /** Four blocks of 16 bytes: elements j in low, 16 + j in high nibbles. */
        HALVES_OF_32,
        /** Eight blocks of 8 bytes: elements j in low, 8 + j in high nibbles. */
        HALVES_OF_16,
        /** Twice 32 bytes: elements j in low, 32 + j in high nibbles. */
        HALVES_OF_64;

        /** The element of the nibble at bit 4 · {@code nibble} of a lane. */
        private int element(int nibble, int lane) {
            int half = nibble & 1;
            int odd = nibble >> 1;
            return switch (this) {
                case BYTES -> 32 * nibble + lane;
                case PAIRS -> 64 * odd + 2 * lane + half;
                case HALVES_OF_32 -> 32 * (lane / 8) + 16 * half + 2 * (lane % 8) + odd;
                case HALVES_OF_16 -> 16 * (lane / 4) + 8 * half + 2 * (lane % 4) + odd;
                case HALVES_OF_64 -> 64 * (lane / 16) + 32 * half + 2 * (lane % 16) + odd;
            };
        }
    }

    /** For each 128 elements, 32 that belong to the lowest nibbles of lanes, 32 of the next ones, and so on. */
    final byte[] codes;

    /** A scale to each block; for halves of 64, eight blocks' scales and then their sums. */
    final float[] scales;

    private final Layout layout;
    private final int[] elements = new int[UNIT];
    private final IntegerInput rounded;
    private final ScratchPool<WideInput> pool;

    /**
     * @param k a multiple of 32, and of 128 but for bytes
     * @param pool where it goes when it is closed
     */
    WideInput(int k, Layout layout, ScratchPool<WideInput> pool) {
        this.layout = layout;
        this.pool = pool;
        this.rounded = new IntegerInput(k, IntegerInput.Order.NATURAL, new ScratchPool<>(() -> {
            throw new IllegalStateException("rounded rows are not borrowed");
        }));
        this.codes = new byte[k];
        this.scales = layout == Layout.HALVES_OF_64 ? new float[2 * (k / BLOCK)] : rounded.scales;
        for (int i = 0; i < UNIT; i++) {
            elements[i] = layout.element(i / BLOCK, i % BLOCK);
        }
    }

    void load(MemorySegment from, long row) {
        rounded.load(from, row);
        if (layout == Layout.BYTES) {
            for (int i = 0; i < codes.length; i++) {
                codes[i] = (byte) rounded.codes[i];
            }
            return;
        }
        for (int first = 0; first < codes.length; first += UNIT) {
            for (int i = 0; i < UNIT; i++) {
                codes[first + i] = (byte) rounded.codes[first + elements[i]];
            }
        }
        if (layout == Layout.HALVES_OF_64) {
            for (int b = 0; b < rounded.scales.length; b += 8) {
                System.arraycopy(rounded.scales, b, scales, 2 * b, 8);
                System.arraycopy(rounded.sums, b, scales, 2 * b + 8, 8);
            }
        }
    }

    @Override
    public void close() {
        pool.giveBack(this);
    }
}
