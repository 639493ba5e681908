package dev.gust.runtime.matmul.jvm;

import dev.gust.formats.codec.Codecs;
import dev.gust.formats.codec.TensorCodec;
import dev.gust.formats.tensor.DType;
import dev.gust.runtime.weight.LinearWeight;
import dev.gust.runtime.weight.ScaleType;
import dev.gust.runtime.weight.WeightFormat;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;

/** Restores pieces of a weight's rows, but for the weight's factor. Holds no state that changes. */
public abstract sealed class RowDecoder {
    private static final ValueLayout.OfFloat F32 = ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

    private static final ValueLayout.OfShort I16 = ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

    final LinearWeight weight;

    private RowDecoder(LinearWeight weight) {
        this.weight = weight;
    }

    /** The decoder for a weight's form. */
    public static RowDecoder of(LinearWeight weight) {
        return switch (weight.format()) {
            case WeightFormat.Plain(var dtype) -> new Plain(weight, dtype);
            case WeightFormat.Blocks(var dtype) ->
                new Blocks(weight, Codecs.of(dtype).orElseThrow());
            case WeightFormat.Scaled scaled -> new ScaledCodes(weight, scaled);
        };
    }

    /**
     * Restores part of a row.
     *
     * @param column first column, a multiple of {@link TiledProduct#DEPTH}
     * @param count columns
     * @param tile receives them as float32
     * @param at where the first goes, as an index
     */
    public abstract void decode(long row, long column, int count, Tile tile, int at);

    /** Plain numbers. */
    private static final class Plain extends RowDecoder {
        private final DType dtype;

        Plain(LinearWeight weight, DType dtype) {
            super(weight);
            this.dtype = dtype;
        }

        @Override
        public void decode(long row, long column, int count, Tile tile, int at) {
            long from = (row * weight.k() + column) * dtype.blockBytes();
            switch (dtype) {
                case F32 -> MemorySegment.copy(weight.codes(), F32, from, tile.values, at, count);
                case F16 -> {
                    MemorySegment.copy(weight.codes(), I16, from, tile.halves, 0, count);
                    CodeLoops.f16(tile.halves, count, tile.values, at);
                }
                case BF16 -> {
                    MemorySegment.copy(weight.codes(), I16, from, tile.halves, 0, count);
                    CodeLoops.bf16(tile.halves, count, tile.values, at);
                }
                default -> throw new IllegalArgumentException(dtype + " is no weight's plain type");
            }
        }
    }

    /** Blocks, by the formats' own codecs. */
    private static final class Blocks extends RowDecoder {
        private final TensorCodec codec;
        private final long rowBytes;

        Blocks(LinearWeight weight, TensorCodec codec) {
            super(weight);
            this.codec = codec;
            this.rowBytes = codec.dtype().byteSize(weight.k());
        }

        @Override
        public void decode(long row, long column, int count, Tile tile, int at) {
            long from = row * rowBytes + codec.dtype().byteSize(column);
            codec.decode(weight.codes(), from, tile.segment, (long) at * Float.BYTES, count);
        }
    }

    private static final class ScaledCodes extends RowDecoder {
        private final WeightFormat.Scaled format;
        private final int bits;
        private final float[] codes = new float[256];
        private final float[] byteScales = new float[256];
        private final long gridColumns;

        ScaledCodes(LinearWeight weight, WeightFormat.Scaled format) {
            super(weight);
            this.format = format;
            this.bits = format.code().bits();
            this.gridColumns = format.scaleGridColumns(weight.k());
            for (int c = 0; c < format.code().codes(); c++) {
                codes[c] = format.code().value(c);
            }
            for (int c = 0; c < 256 && format.scale() != ScaleType.F32; c++) {
                byteScales[c] = format.scale().value(c);
            }
        }

        @Override
        public void decode(long row, long column, int count, Tile tile, int at) {
            long element = row * weight.k() + column;
            boolean aligned = element * bits % Byte.SIZE == 0;
            int whole = aligned ? count - count % CodeLoops.LANES : 0;
            if (whole > 0) {
                tile.load(weight.codes(), element * bits / Byte.SIZE, whole * bits / Byte.SIZE);
                restore(tile, whole, at);
            }
            for (int i = whole; i < count; i++) {
                tile.values[at + i] = codes[codeAt(element + i)];
            }
            scale(row, column, count, tile.values, at);
        }

        private void restore(Tile tile, int count, int at) {
            switch (format.code()) {
                case F8_E4M3 -> CodeLoops.e4m3(tile.stored, count, tile.values, at);
                case F8_E5M2 -> CodeLoops.e5m2(tile.stored, count, tile.values, at);
                case F6_E2M3 -> CodeLoops.e2m3(tile.stored, count, tile.values, at);
                case F6_E3M2 -> CodeLoops.e3m2(tile.stored, count, tile.values, at);
                case F4 -> CodeLoops.e2m1(tile.stored, count, tile.values, at);
                case OFFSET_I4 -> CodeLoops.offsetNibbles(tile.stored, count, tile.values, at);
                case I8 -> CodeLoops.int8(tile.stored, count, tile.values, at);
            }
        }

        /** Any code, wherever its bits begin. */
        private int codeAt(long element) {
            long bit = element * bits;
            long at = bit >> 3;
            int word = Byte.toUnsignedInt(weight.codes().get(ValueLayout.JAVA_BYTE, at));
            if ((bit & 7) + bits > 8) {
                word |= Byte.toUnsignedInt(weight.codes().get(ValueLayout.JAVA_BYTE, at + 1)) << 8;
            }
            return (word >> (bit & 7)) & ((1 << bits) - 1);
        }

        private void scale(long row, long column, int count, float[] values, int at) {
            long gridRow = row / format.scaleRows() * gridColumns;
            for (int i = 0; i < count; ) {
                long gridColumn = (column + i) / format.scaleColumns();
                int end = (int) Math.min(count, (gridColumn + 1) * format.scaleColumns() - column);
                float scale = scaleAt(gridRow + gridColumn);
                multiply(values, at + i, at + end, scale);
                i = end;
            }
        }

        private static void multiply(float[] values, int from, int to, float scale) {
            for (int i = from; i < to; i++) {
                values[i] *= scale;
            }
        }

        private float scaleAt(long index) {
            return format.scale() == ScaleType.F32
                    ? weight.scales().get(F32, index * Float.BYTES)
                    : byteScales[Byte.toUnsignedInt(weight.scales().get(ValueLayout.JAVA_BYTE, index))];
        }
    }
}
