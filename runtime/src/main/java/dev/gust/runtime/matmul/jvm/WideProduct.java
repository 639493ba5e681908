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
 * <p>Two rows of the weight at a time, which share what is loaded of x: a long row of x fills the first-level cache, and
 * loading it anew for each row of the weight took longer than all else. The two are half a piece of work apart, so that
 * each is followed by the row that lies behind it in memory: jumping to every other row made the processor's prefetching
 * fail.
 */
public final class WideProduct implements RowsProduct {
    private static final ValueLayout.OfFloat F32 = ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

    private final LinearWeight weight;
    private final PairLoop loop;
    private final ScratchPool<WideInput> inputs;
    private final int rowBytes;
    private final int blocks;
    private final float factor;

    /** Multiplies two rows. */
    @FunctionalInterface
    interface PairLoop {
        /**
         * @param weight outside the heap
         * @param first where one row begins, in bytes
         * @param second where the other does
         * @param blocks blocks of 32 to a row
         * @param x codes, as {@link WideInput#codes}
         * @param scales as {@link WideInput#scales}
         * @param sums receives the two products
         */
        void run(MemorySegment weight, long first, long second, int blocks, short[] x, float[] scales, float[] sums);
    }

    private WideProduct(LinearWeight weight, WideInput.Layout layout, float unit, PairLoop loop) {
        int k = Math.toIntExact(weight.k());
        this.weight = weight;
        this.loop = loop;
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
            case Q8_0 -> product(weight, WideInput.Layout.BYTES, 1, WideLoops::q8);
            case Q4_K -> product(weight, WideInput.Layout.HALVES_OF_64, 1, WideLoops::q4k);
            case Q4_0 -> product(weight, WideInput.Layout.HALVES_OF_32, 1, WideNibbleLoops::q4);
            case MXFP4 -> product(weight, WideInput.Layout.HALVES_OF_32, 0.5f, WideNibbleLoops::mxfp4);
            case NVFP4 -> product(weight, WideInput.Layout.HALVES_OF_16, 0.5f, WideNibbleLoops::nvfp4);
            default -> Optional.empty();
        };
    }

    private static Optional<RowsProduct> product(
            LinearWeight weight, WideInput.Layout layout, float unit, PairLoop loop) {
        return Optional.of(new WideProduct(weight, layout, unit, loop));
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
        float[] sums = new float[2];
        long half = (end - first + 1) / 2;
        for (long row = first; row < first + half; row++) {
            // With an odd number of rows the last of the first half has no partner but itself.
            long partner = Math.min(row + half, end - 1);
            loop.run(weight.codes(), row * rowBytes, partner * rowBytes, blocks, x.codes, x.scales, sums);
            y.set(F32, (firstRow * weight.n() + row) * Float.BYTES, sums[0] * factor);
            y.set(F32, (firstRow * weight.n() + partner) * Float.BYTES, sums[1] * factor);
        }
    }
}
