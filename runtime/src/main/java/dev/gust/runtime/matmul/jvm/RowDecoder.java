package dev.gust.runtime.matmul.jvm;

import dev.gust.formats.codec.CodeLanes;
import dev.gust.formats.codec.Codecs;
import dev.gust.formats.codec.TensorCodec;
import dev.gust.formats.tensor.DType;
import dev.gust.runtime.weight.LinearWeight;
import dev.gust.runtime.weight.NarrowCode;
import dev.gust.runtime.weight.ScaleType;
import dev.gust.runtime.weight.WeightFormat;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import jdk.incubator.vector.VectorOperators;

/** Restores pieces of a weight's rows, but for the weight's factor. Holds no state that changes. */
abstract sealed class RowDecoder {
    private static final ValueLayout.OfFloat F32 = ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

    final LinearWeight weight;

    private RowDecoder(LinearWeight weight) {
        this.weight = weight;
    }

    static RowDecoder of(LinearWeight weight) {
        return switch (weight.format()) {
            case WeightFormat.Plain(var dtype) ->
                dtype == DType.F32
                        ? new Floats(weight)
                        : new Stored(weight, Codecs.of(dtype).orElseThrow());
            case WeightFormat.Blocks(var dtype) ->
                new Stored(weight, Codecs.of(dtype).orElseThrow());
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
    abstract void decode(long row, long column, int count, Tile tile, int at);

    private static final class Floats extends RowDecoder {
        Floats(LinearWeight weight) {
            super(weight);
        }

        @Override
        void decode(long row, long column, int count, Tile tile, int at) {
            MemorySegment.copy(weight.codes(), F32, (row * weight.k() + column) * Float.BYTES, tile.values, at, count);
        }
    }

    private static final class Stored extends RowDecoder {
        private final TensorCodec codec;
        private final long rowBytes;

        Stored(LinearWeight weight, TensorCodec codec) {
            super(weight);
            this.codec = codec;
            this.rowBytes = codec.dtype().byteSize(weight.k());
        }

        @Override
        void decode(long row, long column, int count, Tile tile, int at) {
            long from = row * rowBytes + codec.dtype().byteSize(column);
            codec.decode(weight.codes(), from, tile.segment, (long) at * Float.BYTES, count);
        }
    }

    private static final class ScaledCodes extends RowDecoder {
        private final WeightFormat.Scaled format;
        private final int bits;
        private final TensorCodec codec;
        private final float[] codes = new float[256];
        private final float[] byteScales = new float[256];
        private final long gridColumns;

        ScaledCodes(LinearWeight weight, WeightFormat.Scaled format) {
            super(weight);
            this.format = format;
            this.bits = format.code().bits();
            this.codec = Codecs.of(dtype(format.code())).orElseThrow();
            this.gridColumns = format.scaleGridColumns(weight.k());
            for (int c = 0; c < format.code().codes(); c++) {
                codes[c] = format.code().value(c);
            }
            for (int c = 0; c < 256 && format.scale() != ScaleType.F32; c++) {
                byteScales[c] = format.scale().value(c);
            }
        }

        /** The type whose codec reads the codes; OFFSET_I4 has none of its own, and its loop is below. */
        private static DType dtype(NarrowCode code) {
            return switch (code) {
                case F8_E4M3 -> DType.F8_E4M3;
                case F8_E5M2 -> DType.F8_E5M2;
                case F6_E2M3 -> DType.F6_E2M3;
                case F6_E3M2 -> DType.F6_E3M2;
                case F4 -> DType.F4;
                case I8 -> DType.I8;
                case OFFSET_I4 -> DType.I4;
            };
        }

        @Override
        void decode(long row, long column, int count, Tile tile, int at) {
            long element = row * weight.k() + column;
            int block = codec.dtype().blockElements();
            int whole = element % block == 0 ? count - count % CodeLanes.LENGTH : 0;
            long from = element * bits / 8;
            if (format.code() == NarrowCode.OFFSET_I4) {
                decodeOffset(from, whole, tile.values, at);
            } else if (whole > 0) {
                codec.decode(weight.codes(), from, tile.segment, (long) at * Float.BYTES, whole);
            }
            for (int i = whole; i < count; i++) {
                tile.values[at + i] = codes[codeAt(element + i)];
            }
            scale(row, column, count, tile.values, at);
        }

        private void decodeOffset(long from, int count, float[] to, int at) {
            for (int i = 0; i < count; i += CodeLanes.LENGTH) {
                CodeLanes.loadNibbles(weight.codes(), from + i / 2)
                        .sub(8)
                        .convertShape(VectorOperators.I2F, CodeLanes.FLOATS, 0)
                        .reinterpretAsFloats()
                        .intoArray(to, at + i);
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
                long end = Math.min(count, (gridColumn + 1) * format.scaleColumns() - column);
                float scale = scaleAt(gridRow + gridColumn);
                for (; i < end; i++) {
                    values[at + i] *= scale;
                }
            }
        }

        private float scaleAt(long index) {
            return format.scale() == ScaleType.F32
                    ? weight.scales().get(F32, index * Float.BYTES)
                    : byteScales[Byte.toUnsignedInt(weight.scales().get(ValueLayout.JAVA_BYTE, index))];
        }
    }
}
