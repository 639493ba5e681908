package dev.gust.formats.codec;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;

/**
 * Packs codes of 1 to 8 bits, held one to a byte, without gaps, and unpacks them. Offsets are in bytes, counts in codes.
 *
 * <p>The dense order puts the first code in the lowest bits of the first byte and lets codes straddle bytes. With 4 bits
 * that is the even code in the low nibble (safetensors' F4, compressed-tensors, gpt-oss), with 6 bits four codes in
 * three bytes (safetensors' F6), and read as little-endian int32 words it is compressed-tensors' {@code pack_to_int32}.
 */
public final class Packing {
    private static final ValueLayout.OfLong LONG = ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final ValueLayout.OfByte BYTE = ValueLayout.JAVA_BYTE;

    private static final long NIBBLES = 0x0f0f_0f0f_0f0f_0f0fL;

    private Packing() {}

    /**
     * Bytes that {@code count} codes take in dense order, the last byte perhaps not full.
     *
     * @throws ArithmeticException if the size in bits exceeds a long
     */
    public static long denseBytes(int bits, long count) {
        return Math.ceilDiv(Math.multiplyExact(count, checkBits(bits)), 8L);
    }

    /**
     * Bytes that {@link #packToInt32} writes for {@code count} codes: whole words.
     *
     * @throws ArithmeticException if the size in bits exceeds a long
     */
    public static long int32Bytes(int bits, long count) {
        return Math.ceilDiv(Math.multiplyExact(count, checkBits(bits)), 32L) * 4;
    }

    /**
     * Packs codes in dense order; bits after the last code in its byte become 0.
     *
     * @param bits 1 to 8; higher bits of a code are ignored
     * @param codes one to a byte
     * @param packed receives {@link #denseBytes} bytes
     */
    public static void pack(
            int bits, MemorySegment codes, long codesOffset, MemorySegment packed, long packedOffset, long count) {
        packFlipped(bits, 0, codes, codesOffset, packed, packedOffset, count);
    }

    /** Unpacks codes from dense order to one a byte, zero-extended: {@link #pack} backwards. */
    public static void unpack(
            int bits, MemorySegment packed, long packedOffset, MemorySegment codes, long codesOffset, long count) {
        unpackFlipped(bits, 0, packed, packedOffset, codes, codesOffset, count);
    }

    /**
     * compressed-tensors' {@code pack_to_int32} for one row: value + 2^(bits − 1), dense in little-endian int32 words,
     * the last word filled up with zero bits.
     *
     * @param bits 1 to 8
     * @param values two's complement, one to a byte, from −2^(bits − 1) to 2^(bits − 1) − 1
     * @param words receives {@link #int32Bytes} bytes
     */
    public static void packToInt32(
            int bits, MemorySegment values, long valuesOffset, MemorySegment words, long wordsOffset, long count) {
        // Adding half the range and flipping the sign bit are the same on the low bits.
        packFlipped(bits, 1 << (checkBits(bits) - 1), values, valuesOffset, words, wordsOffset, count);
        long used = denseBytes(bits, count);
        words.asSlice(wordsOffset + used, int32Bytes(bits, count) - used).fill((byte) 0);
    }

    /** Unpacks one row of int32 words to two's complement values, one to a byte: {@link #packToInt32} backwards. */
    public static void unpackFromInt32(
            int bits, MemorySegment words, long wordsOffset, MemorySegment values, long valuesOffset, long count) {
        int sign = 1 << (checkBits(bits) - 1);
        unpackFlipped(bits, sign, words, wordsOffset, values, valuesOffset, count);
        // From bits to 8 bits with the sign: (v ^ sign) − sign for each byte, without borrows between bytes.
        long signs = everyByte(sign);
        long i = 0;
        for (; i <= count - 8; i += 8) {
            long v = values.get(LONG, valuesOffset + i);
            long extension = (v & signs) * (0x100 / sign - 2);
            values.set(LONG, valuesOffset + i, v | extension);
        }
        for (; i < count; i++) {
            int v = values.get(BYTE, valuesOffset + i);
            values.set(BYTE, valuesOffset + i, (byte) ((v ^ sign) - sign));
        }
    }

    /**
     * Packs 4-bit codes block by block as GGUF does: within a block of n codes, byte j holds code j in its low nibble and
     * code j + n/2 in its high nibble.
     *
     * @param block codes in a block, even
     * @param count a multiple of {@code block}
     * @throws IllegalArgumentException if the block is odd or the codes do not fill blocks
     */
    public static void packSplitHalf(
            int block, MemorySegment codes, long codesOffset, MemorySegment packed, long packedOffset, long count) {
        int half = half(block, count);
        for (long first = 0; first < count; first += block) {
            long low = codesOffset + first;
            long to = packedOffset + first / 2;
            int j = 0;
            for (; j <= half - 8; j += 8) {
                long lows = codes.get(LONG, low + j) & NIBBLES;
                long highs = codes.get(LONG, low + half + j) & NIBBLES;
                packed.set(LONG, to + j, lows | highs << 4);
            }
            for (; j < half; j++) {
                int value = (codes.get(BYTE, low + j) & 0xf) | (codes.get(BYTE, low + half + j) << 4);
                packed.set(BYTE, to + j, (byte) value);
            }
        }
    }

    /** Unpacks 4-bit codes from GGUF's order to one a byte: {@link #packSplitHalf} backwards. */
    public static void unpackSplitHalf(
            int block, MemorySegment packed, long packedOffset, MemorySegment codes, long codesOffset, long count) {
        int half = half(block, count);
        for (long first = 0; first < count; first += block) {
            long from = packedOffset + first / 2;
            long low = codesOffset + first;
            int j = 0;
            for (; j <= half - 8; j += 8) {
                long both = packed.get(LONG, from + j);
                codes.set(LONG, low + j, both & NIBBLES);
                codes.set(LONG, low + half + j, (both >>> 4) & NIBBLES);
            }
            for (; j < half; j++) {
                int both = packed.get(BYTE, from + j);
                codes.set(BYTE, low + j, (byte) (both & 0xf));
                codes.set(BYTE, low + half + j, (byte) ((both >>> 4) & 0xf));
            }
        }
    }

    /**
     * Eight codes, one to a byte, pushed together to the low 8 · bits bits: neighbours first, then pairs, then fours.
     *
     * @param codes with nothing but the code in each byte
     */
    static long squeeze(long codes, int bits) {
        long twos = (codes & 0x00ff_00ff_00ff_00ffL) | (((codes >>> 8) & 0x00ff_00ff_00ff_00ffL) << bits);
        long fours = (twos & 0x0000_ffff_0000_ffffL) | (((twos >>> 16) & 0x0000_ffff_0000_ffffL) << (2 * bits));
        return (fours & 0xffff_ffffL) | ((fours >>> 32) << (4 * bits));
    }

    /** Eight codes from the low 8 · bits bits, each to a byte of its own: {@link #squeeze} backwards. */
    static long spread(long dense, int bits) {
        long four = (1L << (4 * bits)) - 1;
        long fours = (dense & four) | (((dense >>> (4 * bits)) & four) << 32);
        long two = ((1L << (2 * bits)) - 1) * 0x1_0000_0001L;
        long twos = (fours & two) | (((fours >>> (2 * bits)) & two) << 16);
        long one = ((1L << bits) - 1) * 0x0001_0001_0001_0001L;
        return (twos & one) | (((twos >>> bits) & one) << 8);
    }

    private static void packFlipped(
            int bits,
            int flip,
            MemorySegment codes,
            long codesOffset,
            MemorySegment packed,
            long packedOffset,
            long count) {
        long mask = everyByte((1 << checkBits(bits)) - 1);
        long flips = everyByte(flip);
        long from = codesOffset;
        long to = packedOffset;
        long left = count;
        // Eight codes fill whole bytes. A long store writes past them, over bytes that the next rounds write again:
        // only the last rounds, whose store would leave the packed codes, go byte by byte.
        long lastLong = packedOffset + denseBytes(bits, count) - 8;
        for (; left >= 8; left -= 8, from += 8, to += bits) {
            long dense = squeeze((codes.get(LONG, from) ^ flips) & mask, bits);
            if (to <= lastLong) {
                packed.set(LONG, to, dense);
            } else {
                storeBytes(dense, packed, to, bits);
            }
        }
        if (left > 0) {
            long dense = squeeze((loadBytes(codes, from, left) ^ flips) & mask, bits) & ((1L << (left * bits)) - 1);
            storeBytes(dense, packed, to, denseBytes(bits, left));
        }
    }

    private static void unpackFlipped(
            int bits,
            int flip,
            MemorySegment packed,
            long packedOffset,
            MemorySegment codes,
            long codesOffset,
            long count) {
        long flips = everyByte(flip);
        long from = packedOffset;
        long to = codesOffset;
        long left = count;
        long lastLong = packedOffset + denseBytes(bits, count) - 8;
        for (; left >= 8; left -= 8, from += bits, to += 8) {
            long dense = from <= lastLong ? packed.get(LONG, from) : loadBytes(packed, from, bits);
            codes.set(LONG, to, spread(dense, bits) ^ flips);
        }
        if (left > 0) {
            long dense = loadBytes(packed, from, denseBytes(bits, left));
            storeBytes(spread(dense, bits) ^ flips, codes, to, left);
        }
    }

    private static long loadBytes(MemorySegment from, long offset, long bytes) {
        long value = 0;
        for (int i = 0; i < bytes; i++) {
            value |= (from.get(BYTE, offset + i) & 0xffL) << (8 * i);
        }
        return value;
    }

    private static void storeBytes(long value, MemorySegment to, long offset, long bytes) {
        for (int i = 0; i < bytes; i++) {
            to.set(BYTE, offset + i, (byte) (value >>> (8 * i)));
        }
    }

    private static long everyByte(int value) {
        return value * 0x0101_0101_0101_0101L;
    }

    private static int checkBits(int bits) {
        if (bits < 1 || bits > 8) {
            throw new IllegalArgumentException("codes of " + bits + " bits: 1 to 8 can be packed");
        }
        return bits;
    }

    private static int half(int block, long count) {
        if (block <= 0 || block % 2 != 0 || count % block != 0) {
            throw new IllegalArgumentException(count + " codes in blocks of " + block);
        }
        return block / 2;
    }
}
