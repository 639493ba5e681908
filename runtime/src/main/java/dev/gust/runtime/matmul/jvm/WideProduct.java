package dev.gust.runtime.matmul.jvm;

import dev.gust.formats.tensor.DType;
import dev.gust.runtime.weight.LinearWeight;
import dev.gust.runtime.weight.WeightFormat;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.Optional;

/**
 * {@link IntegerProduct} for processors with 512-bit vectors and GGUF's types: scales and codes in one pass, read where
 * they lie, so that memory is read ahead while products are summed.
 *
 * <p>Two or four rows of the weight at a time, which share what is loaded of x and wait for memory together. They are as far
 * apart as the piece of work allows, so that each is followed by the row that lies behind it in memory: the longer a run of
 * memory, the better a processor reads it ahead, and with jumps over rows it fails to. Codes of x are bytes, since 16-bit
 * ones of a long row push each other out of the first-level cache.
 */
public final class WideProduct implements RowsProduct {
    private static final ValueLayout.OfFloat F32 = ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

    private final LinearWeight weight;
    private final RowsLoop loop;
    private final int together;
    private final ScratchPool<WideInput> inputs;
    private final int rowBytes;
    private final int blocks;
    private final float factor;

    /** Multiplies a few rows of the weight. */
    @FunctionalInterface
    interface RowsLoop {
        /**
         * @param weight outside the heap
         * @param first where the first row begins, in bytes
         * @param step from one row to the next
         * @param blocks blocks of 32 to a row
         * @param x codes, as {@link WideInput#codes}
         * @param scales as {@link WideInput#scales}
         * @param sums receives the rows' products
         */
        void run(MemorySegment weight, long first, long step, int blocks, byte[] x, float[] scales, float[] sums);
    }

    private WideProduct(LinearWeight weight, WideInput.Layout layout, float unit, int together, RowsLoop loop) {
        int k = Math.toIntExact(weight.k());
        this.weight = weight;
        this.loop = loop;
        this.together = together;
        this.inputs = new ScratchPool<>(() -> input(k, layout));
        this.rowBytes = Math.toIntExact(LinearWeight.codeBytes(weight.format(), 1, k));
        this.blocks = k / IntegerInput.BLOCK;
        this.factor = unit * weight.factor();
    }

    private WideInput input(int k, WideInput.Layout layout) {
        return new WideInput(k, layout, inputs);
    }

    /** The product for a weight; empty if its type has no such loop, it is on the heap, K is unfit or vectors are narrow. */
    public static Optional<RowsProduct> of(LinearWeight weight) {
        if (!WideLoops.fit()
                || !weight.codes().isNative()
                || !(weight.format() instanceof WeightFormat.Blocks(var dtype))) {
            return Optional.empty();
        }
        if (weight.k() % (dtype == DType.Q8_0 ? IntegerInput.BLOCK : 128) != 0) {
            return Optional.empty();
        }
        return switch (dtype) {
            case Q8_0 -> product(weight, WideInput.Layout.BYTES, 1, 4, WideLoops::q8);
            case Q4_K -> product(weight, WideInput.Layout.HALVES_OF_64, 1, 2, WideLoops::q4k);
            case Q6_K -> product(weight, WideInput.Layout.PAIRS, 1, 2, WideSixBitLoops::q6k);
            case Q4_0 -> product(weight, WideInput.Layout.HALVES_OF_32, 1, 2, WideNibbleLoops::q4);
            case MXFP4 -> product(weight, WideInput.Layout.HALVES_OF_32, 0.5f, 2, WideNibbleLoops::mxfp4);
            case NVFP4 -> product(weight, WideInput.Layout.HALVES_OF_16, 0.5f, 2, WideNibbleLoops::nvfp4);
            default -> Optional.empty();
        };
    }

    private static Optional<RowsProduct> product(
            LinearWeight weight, WideInput.Layout layout, float unit, int together, RowsLoop loop) {
        return Optional.of(new WideProduct(weight, layout, unit, together, loop));
    }

    @Override
    public int panelRows() {
        return 1;
    }

    @Override
    public Input prepare(MemorySegment x, long firstRow, int rows) {
        WideInput input = inputs.borrow();
        input.load(x, firstRow);
        return input;
    }

    @Override
    public void multiply(Input input, long firstRow, long first, long end, MemorySegment y) {
        WideInput x = (WideInput) input;
        float[] sums = new float[together];
        long part = (end - first) / together;
        for (long row = first; row < first + part; row++) {
            run(x, row, part, sums);
            for (int i = 0; i < together; i++) {
                y.set(F32, (firstRow * weight.n() + row + i * part) * Float.BYTES, sums[i] * factor);
            }
        }
        // Fewer than are multiplied together are left: each takes all their places.
        for (long row = first + together * part; row < end; row++) {
            run(x, row, 0, sums);
            y.set(F32, (firstRow * weight.n() + row) * Float.BYTES, sums[0] * factor);
        }
    }

    private void run(WideInput x, long row, long part, float[] sums) {
        loop.run(weight.codes(), row * rowBytes, part * rowBytes, blocks, x.codes, x.scales, sums);
    }
}
