package dev.gust.formats.weight;

import dev.gust.formats.codec.TensorCodec;
import dev.gust.formats.layout.Fp4Blocks;
import dev.gust.formats.scheme.GlobalScale;
import dev.gust.formats.tensor.DType;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;

/**
 * Restores the values of GGUF's MXFP4 and NVFP4 blocks as the same codes and scales give them in other containers, bit
 * for bit. ggml's own decoding leaves two things open: it knows no scale of a whole tensor (llama.cpp multiplies what
 * comes out of a matrix product), and it reads code 8 as +0, where the other containers have −0.
 */
final class Fp4BlockDecoder {
    private static final ValueLayout.OfFloat F32 = ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final ValueLayout.OfLong I64 = ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

    /** NVFP4's scale byte for 1, and two codes for 1. */
    private static final byte ONE = 0x38;

    private static final byte TWO_ONES = 0x22;

    /** Powers of two between these keep every product of an element, a block scale and themselves free of rounding. */
    private static final float LEAST_FREE = 0x1p-116f;

    private static final float GREATEST_FREE = 0x1p116f;

    private final Fp4Blocks form;
    private final TensorCodec codec;
    private final GlobalScale scale;
    private final boolean isFree;

    /** What elements are multiplied by, for each scale byte; used if products have to be rounded in order. */
    private final float[] factors;

    Fp4BlockDecoder(Fp4Blocks form, TensorCodec codec, GlobalScale scale) {
        this.form = form;
        this.codec = codec;
        this.scale = scale;
        float value = scale.value();
        isFree = value >= LEAST_FREE
                && value <= GREATEST_FREE
                && scale.exactly(GlobalScale.Use.DIVIDES).isPresent()
                && scale.exactly(GlobalScale.Use.MULTIPLIES).isPresent();
        factors = isFree ? new float[0] : factors(codec, scale);
    }

    /** ggml's reading of each scale byte, which ignores signs, times the scale of the tensor. */
    private static float[] factors(TensorCodec codec, GlobalScale scale) {
        int group = Fp4Blocks.NVFP4.group();
        int perBlock = DType.NVFP4.blockElements() / group;
        byte[] blocks = new byte[256 / perBlock * DType.NVFP4.blockBytes()];
        for (int i = 0; i < blocks.length; i++) {
            int at = i % DType.NVFP4.blockBytes();
            blocks[i] = at < perBlock ? (byte) (i / DType.NVFP4.blockBytes() * perBlock + at) : TWO_ONES;
        }
        float[] ones = new float[256 * group];
        codec.decode(MemorySegment.ofArray(blocks), 0, MemorySegment.ofArray(ones), 0, ones.length);
        float[] factors = new float[256];
        for (int code = 0; code < factors.length; code++) {
            factors[code] = scale.of(ones[code * group]);
        }
        return factors;
    }

    /**
     * Decodes whole blocks.
     *
     * @param blocks the blocks
     * @param floats receives as many values as they have
     * @param slot a scratch slot that this call may use
     */
    void decode(MemorySegment blocks, MemorySegment floats, ScratchBuffers scratch, int slot) {
        long count = floats.byteSize() / Float.BYTES;
        if (isFree) {
            codec.decode(blocks, 0, floats, 0, count);
            scaleAll(floats, scale.of(1));
        } else {
            MemorySegment elements = scratch.get(slot, blocks.byteSize()).copyFrom(blocks);
            setScalesToOne(elements);
            codec.decode(elements, 0, floats, 0, count);
            scaleGroups(blocks, floats);
        }
        restoreNegativeZeros(blocks, floats);
    }

    private static void scaleAll(MemorySegment floats, float factor) {
        if (factor != 1) {
            for (long i = 0; i < floats.byteSize(); i += Float.BYTES) {
                floats.set(F32, i, floats.get(F32, i) * factor);
            }
        }
    }

    private int scalesPerBlock() {
        return form.block().blockElements() / form.group();
    }

    private void setScalesToOne(MemorySegment blocks) {
        for (long at = 0; at < blocks.byteSize(); at += form.block().blockBytes()) {
            blocks.asSlice(at, scalesPerBlock()).fill(ONE);
        }
    }

    private void scaleGroups(MemorySegment blocks, MemorySegment floats) {
        long out = 0;
        for (long at = 0; at < blocks.byteSize(); at += form.block().blockBytes()) {
            for (int s = 0; s < scalesPerBlock(); s++) {
                long end = out + (long) form.group() * Float.BYTES;
                scaleAll(floats.asSlice(out, end - out), factors[blocks.get(ValueLayout.JAVA_BYTE, at + s) & 0xff]);
                out = end;
            }
        }
    }

    /** Eight bytes of codes at a time: low nibbles are elements of the first half of a group, high ones of the second. */
    private void restoreNegativeZeros(MemorySegment blocks, MemorySegment floats) {
        long half = form.group() / 2;
        long group = 0;
        for (long at = 0; at < blocks.byteSize(); at += form.block().blockBytes()) {
            long codes = at + scalesPerBlock();
            for (int s = 0; s < scalesPerBlock(); s++, group += form.group(), codes += half) {
                for (int j = 0; j < half; j += Long.BYTES) {
                    long eights = nibblesOfEight(blocks.get(I64, codes + j));
                    for (; eights != 0; eights &= eights - 1) {
                        int nibble = Long.numberOfTrailingZeros(eights) / 4;
                        long element = group + j + nibble / 2 + (nibble % 2) * half;
                        if (floats.get(F32, element * Float.BYTES) == 0) {
                            floats.set(F32, element * Float.BYTES, -0f);
                        }
                    }
                }
            }
        }
    }

    /** The top bit of each nibble that is 8, no other. */
    private static long nibblesOfEight(long codes) {
        long sevens = 0x7777_7777_7777_7777L;
        long other = codes ^ ~sevens; // 0 where the nibble is 8
        return ~(((other & sevens) + sevens) | other | sevens);
    }
}
