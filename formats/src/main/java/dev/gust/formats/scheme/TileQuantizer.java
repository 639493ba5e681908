package dev.gust.formats.scheme;

import dev.gust.formats.codec.TensorCodec;
import dev.gust.formats.tensor.Shape;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.Optional;

/**
 * Elements of one byte, FP8 or INT8, with a plain scale for each row, for each 128×128 block or for the whole weight:
 * compressed-tensors' float-quantized and int-quantized layouts. {@code weight} [M, K]; {@code weight_scale} [M, 1],
 * [ceil(M/128), K/128] or [1]. weight = code · scale, in float32; codes are those of the float32 quotient
 * weight / scale, nearest, ties to even, saturating.
 */
final class TileQuantizer implements WeightQuantizer {
    /** What shares a scale. */
    enum Tile {
        ROW,
        /** compressed-tensors wants whole blocks along K; the last blocks along M may be cut off. */
        BLOCK,
        WEIGHT
    }

    private static final int BLOCK = 128;

    private final Tile tile;
    private final TensorCodec codec;
    private final PlainScale scale;

    TileQuantizer(Tile tile, TensorCodec codec, PlainScale scale) {
        this.tile = tile;
        this.codec = codec;
        this.scale = scale;
    }

    @Override
    public Optional<String> unsupported(Shape weight) {
        return WeightShapes.unsupported(weight, tile == Tile.BLOCK ? BLOCK : 1);
    }

    @Override
    public int rowBlock() {
        return tile == Tile.BLOCK ? BLOCK : 1;
    }

    @Override
    public boolean usesTensorAmax() {
        return tile == Tile.WEIGHT;
    }

    @Override
    public List<Part> parts(Shape weight) {
        Part scales = switch (tile) {
            case ROW -> Part.ofRows("weight_scale", scale.dtype(), weight.withColumns(1));
            case BLOCK -> Part.ofRows("weight_scale", scale.dtype(), blocks(weight));
            case WEIGHT -> Part.ofWeight("weight_scale", scale.dtype(), Shape.of(1));
        };
        return List.of(Part.ofRows("weight", codec.dtype(), weight), scales);
    }

    private static Shape blocks(Shape weight) {
        long[] dims = weight.dims();
        dims[dims.length - 2] = Math.ceilDiv(dims[dims.length - 2], (long) BLOCK);
        dims[dims.length - 1] = Math.ceilDiv(dims[dims.length - 1], (long) BLOCK);
        return Shape.of(dims);
    }

    @Override
    public void quantize(MemorySegment floats, long rows, Shape weight, float tensorAmax, List<MemorySegment> parts) {
        WeightShapes.check(this, floats, rows, weight, parts);
        long columns = weight.columns();
        MemorySegment codes = parts.get(0);
        MemorySegment scales = parts.get(1);
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment quotients = arena.allocate((long) GroupQuantizer.CHUNK * Float.BYTES, 64);
            switch (tile) {
                case ROW -> {
                    for (long row = 0; row < rows; row++) {
                        float rounded = scale.of(amax(floats, row * columns, columns));
                        scale.put(rounded, scales, row);
                        encode(floats, row * columns, columns, rounded, quotients, codes);
                    }
                }
                case BLOCK -> {
                    for (long row = 0; row < rows; row += BLOCK) {
                        long end = Math.min(rows, row + BLOCK);
                        for (long column = 0; column < columns; column += BLOCK) {
                            float rounded = scale.of(blockAmax(floats, row, end, column, columns));
                            scale.put(rounded, scales, (row * columns / BLOCK + column) / BLOCK);
                            for (long r = row; r < end; r++) {
                                encode(floats, r * columns + column, BLOCK, rounded, quotients, codes);
                            }
                        }
                    }
                }
                case WEIGHT -> {
                    WeightShapes.requireMagnitude(tensorAmax);
                    float rounded = scale.of(tensorAmax);
                    scale.put(rounded, scales, 0);
                    encode(floats, 0, rows * columns, rounded, quotients, codes);
                }
            }
        }
    }

    private static float amax(MemorySegment floats, long first, long count) {
        return Float.intBitsToFloat(Blocks.amaxBits(floats, first * Float.BYTES, count));
    }

    private static float blockAmax(MemorySegment floats, long row, long end, long column, long columns) {
        float amax = 0;
        for (long r = row; r < end; r++) {
            amax = Math.max(amax, amax(floats, r * columns + column, BLOCK));
        }
        return amax;
    }

    /** Encodes a run of elements, in pieces whose quotients stay in the L1 cache. */
    private void encode(
            MemorySegment floats, long first, long count, float divisor, MemorySegment quotients, MemorySegment codes) {
        for (long done = 0; done < count; done += GroupQuantizer.CHUNK) {
            long piece = Math.min(GroupQuantizer.CHUNK, count - done);
            Blocks.divide(floats, (first + done) * Float.BYTES, piece, divisor, quotients);
            codec.encode(quotients, 0, codes, first + done, piece);
        }
    }

    @Override
    public void dequantize(List<MemorySegment> parts, long rows, long columns, MemorySegment floats) {
        MemorySegment codes = parts.get(0);
        MemorySegment scales = parts.get(1);
        switch (tile) {
            case ROW -> {
                for (long row = 0; row < rows; row++) {
                    decode(codes, row * columns, columns, scale.get(scales, row), floats);
                }
            }
            case BLOCK -> {
                long blocksPerRow = columns / BLOCK;
                for (long row = 0; row < rows; row++) {
                    for (long block = 0; block < blocksPerRow; block++) {
                        float factor = scale.get(scales, row / BLOCK * blocksPerRow + block);
                        decode(codes, row * columns + block * BLOCK, BLOCK, factor, floats);
                    }
                }
            }
            case WEIGHT -> decode(codes, 0, rows * columns, scale.get(scales, 0), floats);
        }
    }

    private void decode(MemorySegment codes, long first, long count, float factor, MemorySegment floats) {
        for (long done = 0; done < count; done += GroupQuantizer.CHUNK) {
            long piece = Math.min(GroupQuantizer.CHUNK, count - done);
            long offset = (first + done) * Float.BYTES;
            codec.decode(codes, first + done, floats, offset, piece);
            Blocks.multiply(floats, offset, piece, factor);
        }
    }
}
