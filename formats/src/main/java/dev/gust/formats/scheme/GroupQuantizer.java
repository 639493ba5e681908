package dev.gust.formats.scheme;

import dev.gust.formats.codec.TensorCodec;
import dev.gust.formats.tensor.Shape;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.Optional;

/**
 * What the schemes share that scale groups of consecutive elements within a row. As K is a multiple of the group, the
 * rows of a range are one run of groups, and no loop needs to know where a row ends.
 *
 * <p>A range is worked through in chunks that stay in the L1 cache: largest magnitudes, scales, scaled floats, codes.
 * Each step is a small loop of its own, which the JIT compiler turns into vector instructions more reliably than one
 * that does everything, and which leaves rounding and packing to the formats' codecs.
 */
abstract sealed class GroupQuantizer implements WeightQuantizer permits MxQuantizer, Nvfp4Quantizer, Int4Quantizer {
    /** Elements in a chunk: 8 KiB of floats, with as much again for what they are scaled to. */
    static final int CHUNK = 2048;

    private final int group;
    private final TensorCodec codec;

    /**
     * @param group elements that share a scale, a multiple of 16 that divides {@link #CHUNK}
     * @param codec rounds scaled elements and packs them
     */
    GroupQuantizer(int group, TensorCodec codec) {
        this.group = group;
        this.codec = codec;
    }

    /** One chunk on its way through the steps. */
    static final class Chunk {
        /** The range's floats, and the byte where the chunk begins. */
        final MemorySegment floats;

        long offset;

        /** Index within the range of the chunk's first group, and how many groups there are. */
        long firstGroup;

        int groups;

        /** Bits of each group's largest magnitude. */
        final int[] amaxBits;

        /** What each group is divided or multiplied by. */
        final float[] factors;

        /** Receives the scaled elements. */
        final MemorySegment scaled;

        Chunk(MemorySegment floats, int group, Arena arena) {
            this.floats = floats;
            // Room for whole vectors: see the quantizers' loops over groups.
            int groups = Math.max(CHUNK / group, 16);
            amaxBits = new int[groups];
            factors = new float[groups];
            scaled = arena.allocate((long) CHUNK * Float.BYTES, 64);
        }

        float amax(int index) {
            return Float.intBitsToFloat(amaxBits[index]);
        }
    }

    final int group() {
        return group;
    }

    final TensorCodec codec() {
        return codec;
    }

    @Override
    public final Optional<String> unsupported(Shape weight) {
        return WeightShapes.unsupported(weight, group);
    }

    @Override
    public final void quantize(
            MemorySegment floats, long rows, Shape weight, float tensorAmax, List<MemorySegment> parts) {
        WeightShapes.check(this, floats, rows, weight, parts);
        float global = global(tensorAmax);
        putWeightParts(weight, global, parts);
        try (Arena arena = Arena.ofConfined()) {
            var chunk = new Chunk(floats, group, arena);
            long elements = rows * weight.columns();
            for (long at = 0; at < elements; at += CHUNK) {
                chunk.offset = at * Float.BYTES;
                chunk.firstGroup = at / group;
                chunk.groups = (int) (Math.min(CHUNK, elements - at) / group);
                Blocks.amaxBits(floats, chunk.offset, chunk.groups, group, chunk.amaxBits);
                putScales(chunk, global, parts);
                scale(chunk);
                codec.encode(
                        chunk.scaled, 0, parts.getFirst(), codec.dtype().byteSize(at), (long) chunk.groups * group);
            }
        }
    }

    @Override
    public final void dequantize(List<MemorySegment> parts, long rows, long columns, MemorySegment floats) {
        float[] factors = new float[Math.max(CHUNK / group, 16)];
        long elements = rows * columns;
        for (long at = 0; at < elements; at += CHUNK) {
            int groups = (int) (Math.min(CHUNK, elements - at) / group);
            long offset = at * Float.BYTES;
            getScales(parts, at / group, groups, factors);
            codec.decode(parts.getFirst(), codec.dtype().byteSize(at), floats, offset, (long) groups * group);
            Blocks.multiply(floats, offset, groups, group, factors, floats, offset);
        }
    }

    /** A number for the whole weight that {@link #putScales} needs: NVFP4's global scale. */
    float global(float tensorAmax) {
        return 1;
    }

    /** Writes the parts about the weight as a whole. */
    void putWeightParts(Shape weight, float global, List<MemorySegment> parts) {}

    /** Stores the scales of the chunk's groups and notes the factors for {@link #scale}. */
    abstract void putScales(Chunk chunk, float global, List<MemorySegment> parts);

    /** Brings the chunk's elements into the range of the codes. */
    void scale(Chunk chunk) {
        Blocks.divide(chunk.floats, chunk.offset, chunk.groups, group, chunk.factors, chunk.scaled);
    }

    /** What the values of the codes of each group are multiplied by, from the stored scales. */
    abstract void getScales(List<MemorySegment> parts, long firstGroup, int groups, float[] factors);
}
