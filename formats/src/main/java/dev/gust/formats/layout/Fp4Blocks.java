package dev.gust.formats.layout;

import dev.gust.formats.codec.Packing;
import dev.gust.formats.scheme.Scheme;
import dev.gust.formats.tensor.DType;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import java.util.Optional;

/**
 * The two forms of a 4-bit float weight: codes and scales apart (compressed-tensors: the even element in the low
 * nibble), and GGUF's blocks (scales, then codes with the first half of each sub-block in the low nibbles). Both hold
 * the same codes and scale bytes; NVFP4's scale of the whole tensor is not part of either.
 */
public enum Fp4Blocks {
    /** One E8M0 scale for 32 codes. */
    MXFP4(Scheme.MXFP4, DType.MXFP4, 32, 0xfe),
    /** One E4M3 scale for 16 codes; a block of GGUF holds four of them. */
    NVFP4(Scheme.NVFP4, DType.NVFP4, 16, 0x7e);

    /** Any positive scale will do where all codes are zero; compressed-tensors writes 0.125. */
    private static final byte EIGHTH = 0x20;

    /** A code's sign: by itself, −0. */
    private static final int SIGN = 8;

    private final Scheme scheme;
    private final DType block;
    private final int group;
    private final int greatestScale;

    Fp4Blocks(Scheme scheme, DType block, int group, int greatestScale) {
        this.scheme = scheme;
        this.block = block;
        this.group = group;
        this.greatestScale = greatestScale;
    }

    public static Optional<Fp4Blocks> of(Scheme scheme) {
        return Arrays.stream(values()).filter(f -> f.scheme == scheme).findFirst();
    }

    public static Optional<Fp4Blocks> of(DType block) {
        return Arrays.stream(values()).filter(f -> f.block == block).findFirst();
    }

    public Scheme scheme() {
        return scheme;
    }

    /** GGUF's type. */
    public DType block() {
        return block;
    }

    /** Elements that share a scale byte. */
    public int group() {
        return group;
    }

    /**
     * Index of the first scale byte that one of the two forms gives another meaning than the other (NaN, or a sign), if
     * there is one.
     */
    public Optional<Long> unusableScale(MemorySegment scales) {
        for (long i = 0; i < scales.byteSize(); i++) {
            if ((scales.get(ValueLayout.JAVA_BYTE, i) & 0xff) > greatestScale) {
                return Optional.of(i);
            }
        }
        return Optional.empty();
    }

    /**
     * Codes and scales to blocks.
     *
     * @param packed codes, two to a byte
     * @param scales one byte for each group
     * @param codes scratch, a byte for each code
     * @param halves scratch, as large as {@code packed}
     * @param blocks receives the blocks
     */
    public void join(
            MemorySegment packed,
            MemorySegment scales,
            MemorySegment codes,
            MemorySegment halves,
            MemorySegment blocks) {
        long count = codes.byteSize();
        Packing.unpack(4, packed, 0, codes, 0, count);
        Packing.packSplitHalf(group, codes, 0, halves, 0, count);
        long scaleBytes = block.blockElements() / group;
        long codeBytes = block.blockElements() / 2;
        for (long b = 0; b < count / block.blockElements(); b++) {
            long at = b * block.blockBytes();
            MemorySegment.copy(scales, b * scaleBytes, blocks, at, scaleBytes);
            MemorySegment.copy(halves, b * codeBytes, blocks, at + scaleBytes, codeBytes);
        }
    }

    /**
     * Blocks to codes and scales: {@link #join} backwards, but for scales of 0, whose codes become 0 instead, or −0
     * where they were negative.
     */
    public void split(
            MemorySegment blocks,
            MemorySegment codes,
            MemorySegment halves,
            MemorySegment packed,
            MemorySegment scales) {
        long count = codes.byteSize();
        long scaleBytes = block.blockElements() / group;
        long codeBytes = block.blockElements() / 2;
        for (long b = 0; b < count / block.blockElements(); b++) {
            long at = b * block.blockBytes();
            MemorySegment.copy(blocks, at, scales, b * scaleBytes, scaleBytes);
            MemorySegment.copy(blocks, at + scaleBytes, halves, b * codeBytes, codeBytes);
        }
        Packing.unpackSplitHalf(group, halves, 0, codes, 0, count);
        if (this == NVFP4) {
            dropVanished(codes, scales);
        }
        Packing.pack(4, codes, 0, packed, 0, count);
    }

    /** ggml lets a block's scale round to 0; engines of the other form refuse such a scale. */
    private void dropVanished(MemorySegment codes, MemorySegment scales) {
        for (long i = 0; i < scales.byteSize(); i++) {
            if (scales.get(ValueLayout.JAVA_BYTE, i) == 0) {
                scales.set(ValueLayout.JAVA_BYTE, i, EIGHTH);
                for (long at = i * group; at < (i + 1) * group; at++) {
                    codes.set(ValueLayout.JAVA_BYTE, at, (byte) (codes.get(ValueLayout.JAVA_BYTE, at) & SIGN));
                }
            }
        }
    }
}
