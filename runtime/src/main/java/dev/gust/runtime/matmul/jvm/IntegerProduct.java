package dev.gust.runtime.matmul.jvm;

import dev.gust.formats.tensor.DType;
import dev.gust.runtime.weight.LinearWeight;
import dev.gust.runtime.weight.NarrowCode;
import dev.gust.runtime.weight.ScaleType;
import dev.gust.runtime.weight.WeightFormat;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.Optional;

/**
 * The product of integer codes with x rounded to INT8, a row of x at a time: first the scales of a row's blocks, then its
 * codes. Sums of products are exact; the rounding of x is all that differs from float32.
 */
public final class IntegerProduct implements RowsProduct {
    private static final ValueLayout.OfFloat F32 = ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

    private final LinearWeight weight;
    private final Pass[] passes;
    private final ScratchPool<IntegerInput> inputs;
    private final int rowBytes;
    private final ScratchPool<Scratch> scratches;

    /**
     * One pass over a row: it fills in the scales that later ones use, or sums products. Passes are called from one place,
     * which sees several classes and so inlines none where there are more than two: each is compiled on its own, within the
     * compiler's limit on inlined vector operations.
     */
    private interface Pass {
        /**
         * @param w the row's codes
         * @param s room for a scale for each 16 elements
         * @return what it adds to the product
         */
        float run(long row, byte[] w, IntegerInput x, float[] s);
    }

    /** A row, copied out of its segment as {@link Tile} explains, and its scales. */
    private final class Scratch {
        final byte[] codes = new byte[rowBytes];
        final float[] scales = new float[Math.toIntExact(weight.k()) / 16];
    }

    private IntegerProduct(LinearWeight weight, IntegerInput.Order order, Pass... passes) {
        int k = Math.toIntExact(weight.k());
        this.weight = weight;
        this.passes = passes;
        this.inputs = new ScratchPool<>(() -> input(k, order));
        this.rowBytes = Math.toIntExact(LinearWeight.codeBytes(weight.format(), 1, k));
        this.scratches = new ScratchPool<>(Scratch::new);
    }

    private IntegerInput input(int k, IntegerInput.Order order) {
        return new IntegerInput(k, order, inputs);
    }

    /** The product for a weight; empty if its codes are no integers, its blocks are unusual or vectors here are narrow. */
    public static Optional<RowsProduct> of(LinearWeight weight) {
        if (!IntegerLoops.fit() || weight.k() % IntegerInput.BLOCK != 0) {
            return Optional.empty();
        }
        return switch (weight.format()) {
            case WeightFormat.Plain _ -> Optional.empty();
            case WeightFormat.Blocks(var dtype) -> blocks(weight, dtype);
            case WeightFormat.Scaled scaled -> scaled(weight, scaled);
        };
    }

    private static Optional<RowsProduct> blocks(LinearWeight weight, DType dtype) {
        int blocks = Math.toIntExact(weight.k() / IntegerInput.BLOCK);
        return switch (dtype) {
            case Q8_0 ->
                natural(
                        weight,
                        (_, w, x, s) -> ScaleLoops.halves(w, 34, x, s),
                        (_, w, x, s) -> IntegerLoops.bytes(w, 2, 34, blocks, x.codes, s));
            case Q4_0 ->
                natural(
                        weight,
                        (_, w, x, s) -> ScaleLoops.halves(w, 18, x, s),
                        (_, w, x, s) -> IntegerLoops.offsetNibbles(w, 2, 18, blocks, x.codes, s));
            case MXFP4 ->
                natural(
                        weight,
                        (_, w, x, s) -> ScaleLoops.mxfp4(w, x, s),
                        (_, w, x, s) -> IntegerLoops.e2m1(w, 1, 17, blocks, x.codes, s));
            case NVFP4 ->
                Optional.of(new IntegerProduct(
                        weight,
                        IntegerInput.Order.EIGHTS,
                        (_, w, x, s) -> ScaleLoops.nvfp4(w, x, s),
                        (_, w, x, s) -> IntegerLoops.e2m1Sixteens(w, 4, 36, 1, blocks, x.codes, s)));
            case Q4_K ->
                natural(
                        weight,
                        (_, w, x, s) -> ScaleLoops.q4k(w, x, s),
                        (_, w, x, s) -> IntegerLoops.q4kLow(w, blocks / 2, x.codes, s),
                        (_, w, x, s) -> IntegerLoops.q4kHigh(w, blocks / 2, x.codes, s));
            case Q6_K ->
                natural(
                        weight,
                        (_, w, x, s) -> ScaleLoops.q6k(w, x, s),
                        (_, w, x, s) -> IntegerLoops.q6kFirst(w, blocks / 2, x.codes, s),
                        (_, w, x, s) -> IntegerLoops.q6kSecond(w, blocks / 2, x.codes, s),
                        (_, w, x, s) -> IntegerLoops.q6kThird(w, blocks / 2, x.codes, s),
                        (_, w, x, s) -> IntegerLoops.q6kFourth(w, blocks / 2, x.codes, s));
            default -> Optional.empty();
        };
    }

    private static Optional<RowsProduct> natural(LinearWeight weight, Pass... passes) {
        return Optional.of(new IntegerProduct(weight, IntegerInput.Order.NATURAL, passes));
    }

    private static Optional<RowsProduct> scaled(LinearWeight weight, WeightFormat.Scaled format) {
        int group = format.code() == NarrowCode.F4 && format.scaleColumns() == 16 ? 16 : IntegerInput.BLOCK;
        if (!format.code().isInteger() || (format.scaleColumns() % group != 0 && format.scaleColumns() < weight.k())) {
            return Optional.empty();
        }
        int blocks = Math.toIntExact(weight.k() / IntegerInput.BLOCK);
        float unit = format.code() == NarrowCode.F4 ? 0.5f : 1;
        var groups = new GroupScales(weight, format, group);
        Pass scales = (row, _, x, s) -> groups.fill(row, unit, x, s);
        return switch (format.code()) {
            case I8 -> natural(weight, scales, (_, w, x, s) -> IntegerLoops.bytes(w, 0, 32, blocks, x.codes, s));
            case OFFSET_I4 ->
                neighbours(weight, scales, (_, w, x, s) -> IntegerLoops.offsetNibbles(w, 0, 16, blocks, x.codes, s));
            case F4 ->
                group == 16
                        ? neighbours(
                                weight,
                                scales,
                                (_, w, x, s) -> IntegerLoops.e2m1Sixteens(w, 0, 16, 0, blocks, x.codes, s))
                        : neighbours(weight, scales, (_, w, x, s) -> IntegerLoops.e2m1(w, 0, 16, blocks, x.codes, s));
            default -> Optional.empty();
        };
    }

    private static Optional<RowsProduct> neighbours(LinearWeight weight, Pass... passes) {
        return Optional.of(new IntegerProduct(weight, IntegerInput.Order.EVEN_ODD, passes));
    }

    /** The scales of a row whose scales lie apart from its codes. */
    private static final class GroupScales {
        private final LinearWeight weight;
        private final WeightFormat.Scaled format;
        private final int group;
        private final long gridColumns;
        private final float[] byteScales = new float[256];

        GroupScales(LinearWeight weight, WeightFormat.Scaled format, int group) {
            this.weight = weight;
            this.format = format;
            this.group = group;
            this.gridColumns = format.scaleGridColumns(weight.k());
            for (int c = 0; c < 256 && format.scale() != ScaleType.F32; c++) {
                byteScales[c] = format.scale().value(c);
            }
        }

        /** Fills in scale · unit · the scale of x for each group of elements. */
        float fill(long row, float unit, IntegerInput x, float[] scales) {
            long first = row / format.scaleRows() * gridColumns;
            int groups = x.codes.length / group;
            int perBlock = group == 16 ? 1 : 0;
            int shared = (int) Math.min(groups, format.scaleColumns() / group);
            if (shared == 1) {
                fillEach(first, unit, x.scales, perBlock, groups, scales);
                return 0;
            }
            int g = 0;
            for (long column = 0; column < gridColumns; column++) {
                float scale = unit * scaleAt(first + column);
                for (int end = Math.min(groups, g + shared); g < end; g++) {
                    scales[g] = scale * x.scales[g >> perBlock];
                }
            }
            return 0;
        }

        private void fillEach(long first, float unit, float[] x, int perBlock, int groups, float[] scales) {
            if (format.scale() == ScaleType.F32) {
                for (int g = 0; g < groups; g++) {
                    scales[g] = unit * weight.scales().get(F32, (first + g) * Float.BYTES) * x[g >> perBlock];
                }
            } else {
                for (int g = 0; g < groups; g++) {
                    int code = weight.scales().get(ValueLayout.JAVA_BYTE, first + g) & 0xFF;
                    scales[g] = unit * byteScales[code] * x[g >> perBlock];
                }
            }
        }

        private float scaleAt(long index) {
            return format.scale() == ScaleType.F32
                    ? weight.scales().get(F32, index * Float.BYTES)
                    : byteScales[Byte.toUnsignedInt(weight.scales().get(ValueLayout.JAVA_BYTE, index))];
        }
    }

    @Override
    public int panelRows() {
        return 1;
    }

    @Override
    public Input prepare(MemorySegment x, long firstRow, int rows) {
        IntegerInput input = inputs.borrow();
        input.load(x, firstRow);
        return input;
    }

    @Override
    public void multiply(Input input, long firstRow, long first, long end, MemorySegment y) {
        IntegerInput x = (IntegerInput) input;
        Scratch scratch = scratches.borrow();
        for (long row = first; row < end; row++) {
            MemorySegment.copy(weight.codes(), ValueLayout.JAVA_BYTE, row * rowBytes, scratch.codes, 0, rowBytes);
            float sum = 0;
            for (Pass pass : passes) {
                sum += pass.run(row, scratch.codes, x, scratch.scales);
            }
            y.set(F32, (firstRow * weight.n() + row) * Float.BYTES, sum * weight.factor());
        }
        scratches.giveBack(scratch);
    }
}
