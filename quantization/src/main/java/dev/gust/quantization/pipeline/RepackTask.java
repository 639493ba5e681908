package dev.gust.quantization.pipeline;

import dev.gust.formats.InputException;
import dev.gust.formats.layout.Fp4Blocks;
import dev.gust.formats.layout.Layout;
import dev.gust.formats.measure.ErrorSums;
import dev.gust.formats.scheme.GlobalScale;
import dev.gust.formats.scheme.Part;
import dev.gust.formats.scheme.Quantizers;
import dev.gust.formats.scheme.ScaleRule;
import dev.gust.formats.tensor.DType;
import dev.gust.formats.tensor.Shape;
import dev.gust.formats.tensor.Tensor;
import dev.gust.formats.tensor.TensorInfo;
import dev.gust.formats.weight.LogicalModel;
import dev.gust.formats.weight.LogicalTensor;
import dev.gust.formats.weight.RowRange;
import dev.gust.formats.weight.ScratchBuffers;
import dev.gust.formats.weight.TensorEncoding;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * Takes a 4-bit float weight from GGUF's blocks to tensors of codes and scales, or back, without a change to any value.
 *
 * @param source the weight
 * @param form the two forms
 * @param toBlocks whether it goes to GGUF's blocks
 * @param layout of the tensors of codes and scales
 * @param scale NVFP4's scale of the whole tensor, as its values have it; empty for MXFP4. GGUF's tensor holds the nearest
 *     factor
 * @param outputs codes and scales (and the scale of the whole tensor, for NVFP4), or the blocks (and that scale)
 */
record RepackTask(
        LogicalTensor source,
        Fp4Blocks form,
        boolean toBlocks,
        Layout layout,
        Optional<GlobalScale> scale,
        List<TensorInfo> outputs)
        implements TensorTask {
    private static final ValueLayout.OfFloat F32 = ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

    /** The task that makes blocks of a weight stored as parts; empty if it has no such form. */
    static Optional<TensorTask> toBlocks(LogicalModel model, LogicalTensor source) {
        if (!(source.encoding() instanceof TensorEncoding.Quantized(var scheme, var layout, var _, var _))) {
            return Optional.empty();
        }
        return Fp4Blocks.of(scheme)
                .filter(f -> source.shape().columns() % f.block().blockElements() == 0)
                .map(f -> {
                    var outputs = new ArrayList<TensorInfo>();
                    outputs.add(new TensorInfo(source.name(), f.block(), source.shape()));
                    if (f == Fp4Blocks.NVFP4) {
                        outputs.add(
                                new TensorInfo(LogicalModel.tensorScaleName(source.name()), DType.F32, Shape.of(1)));
                    }
                    return new RepackTask(source, f, true, layout, scaleOf(model, source, f, layout), outputs);
                });
    }

    private static Optional<GlobalScale> scaleOf(
            LogicalModel model, LogicalTensor source, Fp4Blocks form, Layout layout) {
        if (form != Fp4Blocks.NVFP4) {
            return Optional.empty();
        }
        return Optional.of(
                Nvfp4Scales.forBlocks(model, source.stored().getLast().name(), layout.globalScale()));
    }

    /**
     * The task that takes a weight's blocks apart; empty if it is not stored in such blocks.
     *
     * @param nvfp4 layout that NVFP4 weights get: {@link Nvfp4Scales#layoutFor}
     */
    static Optional<TensorTask> toParts(LogicalTensor source, Layout nvfp4) {
        Optional<Fp4Blocks> form = switch (source.encoding()) {
            case TensorEncoding.Plain(var dtype) -> Fp4Blocks.of(dtype);
            case TensorEncoding.Scaled(var dtype, var _) -> Fp4Blocks.of(dtype);
            case TensorEncoding.Quantized _, TensorEncoding.LowRank _ -> Optional.empty();
        };
        return form.filter(_ -> source.shape().rank() >= 2).map(f -> {
            Layout layout = f == Fp4Blocks.NVFP4 ? nvfp4 : Layout.COMPRESSED_TENSORS;
            Optional<GlobalScale> scale = Nvfp4Scales.ofBlocks(source).flatMap(s -> s.exactly(layout.globalScale()));
            List<TensorInfo> outputs = parts(f, source.shape()).stream()
                    .map(p -> layout.stored(source.name(), p))
                    .toList();
            return new RepackTask(source, f, false, layout, scale, outputs);
        });
    }

    /** The number that GGUF's tensor scale cannot hold, so that metadata has to; empty if it holds it. */
    Optional<Float> divisor() {
        return scale.filter(
                        s -> toBlocks && s.exactly(GlobalScale.Use.MULTIPLIES).isEmpty())
                .map(GlobalScale::value);
    }

    private static List<Part> parts(Fp4Blocks form, Shape weight) {
        return Quantizers.of(form.scheme(), ScaleRule.EVEN, DType.F32).parts(weight);
    }

    @Override
    public String encoding() {
        return toBlocks ? form.block().name() : form.scheme().label();
    }

    @Override
    public String reason() {
        return "";
    }

    @Override
    public boolean isLossy() {
        return false;
    }

    @Override
    public List<RowRange> pieces() {
        return RowRange.cut(source.shape(), 1);
    }

    @Override
    public OpenTask open(LogicalModel model, float magnitude) {
        var tensors = new ArrayList<Tensor>();
        try {
            source.stored().forEach(t -> tensors.add(model.source().open(t.name())));
        } catch (RuntimeException e) {
            tensors.forEach(Tensor::close);
            throw e;
        }
        return new Open(tensors, model.source().location());
    }

    private final class Open implements OpenTask {
        private final List<Tensor> stored;
        private final String location;

        Open(List<Tensor> stored, String location) {
            this.stored = stored;
            this.location = location;
        }

        @Override
        public ErrorSums run(RowRange rows, ScratchBuffers scratch, Sink sink) {
            long elements = rows.count() * source.shape().columns();
            MemorySegment codes = scratch.get(0, elements);
            MemorySegment halves = scratch.get(1, elements / 2);
            if (toBlocks) {
                MemorySegment scales = rowsOf(stored.get(1), rows);
                form.unusableScale(scales).ifPresent(i -> refuse(stored.get(1).name(), i));
                MemorySegment blocks = scratch.get(2, form.block().byteSize(elements));
                form.join(rowsOf(stored.get(0), rows), scales, codes, halves, blocks);
                sink.write(outputs.getFirst(), offset(outputs.getFirst(), rows), blocks);
            } else {
                MemorySegment packed = scratch.get(2, elements / 2);
                MemorySegment scales = scratch.get(
                        3, outputs.get(1).byteSize() / source.shape().rows() * rows.count());
                form.split(rowsOf(stored.getFirst(), rows), codes, halves, packed, scales);
                form.unusableScale(scales).ifPresent(i -> refuse(source.name(), i));
                sink.write(outputs.get(0), offset(outputs.get(0), rows), packed);
                sink.write(outputs.get(1), offset(outputs.get(1), rows), scales);
            }
            if (scale.isPresent() && rows.first() == 0) {
                GlobalScale.Use use = toBlocks ? GlobalScale.Use.MULTIPLIES : layout.globalScale();
                MemorySegment one = scratch.get(4, Float.BYTES);
                one.set(F32, 0, scale.get().nearest(use).value());
                sink.write(outputs.getLast(), 0, one);
            }
            return ErrorSums.NONE;
        }

        private MemorySegment rowsOf(Tensor tensor, RowRange rows) {
            long perRow = tensor.data().byteSize() / source.shape().rows();
            return tensor.data().asSlice(rows.first() * perRow, rows.count() * perRow);
        }

        private long offset(TensorInfo output, RowRange rows) {
            return output.byteSize() / source.shape().rows() * rows.first();
        }

        private void refuse(String tensor, long index) {
            throw InputException.ofTensor(
                    location, tensor, "scale " + index + " is NaN or negative", "run gust verify on the model");
        }

        @Override
        public void close() {
            stored.forEach(Tensor::close);
        }
    }
}
