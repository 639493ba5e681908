package dev.gust.quantization.pipeline;

import dev.gust.formats.codec.TensorCodec;
import dev.gust.formats.measure.ErrorSums;
import dev.gust.formats.tensor.DType;
import dev.gust.formats.tensor.TensorInfo;
import dev.gust.formats.weight.LogicalModel;
import dev.gust.formats.weight.LogicalTensor;
import dev.gust.formats.weight.RowRange;
import dev.gust.formats.weight.ScratchBuffers;
import dev.gust.formats.weight.WeightReader;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.List;

/**
 * Stores a tensor's values as one tensor of another type: a plain float type, or one of GGUF's blocks.
 *
 * @param source the tensor
 * @param codec the type to store it in
 * @param output the stored tensor
 * @param tensorScale receives a factor for all values, as llama.cpp keeps one for NVFP4; empty if there is none
 * @param reason why this type and not the one asked for; empty if it is the one
 */
public record EncodeTask(
        LogicalTensor source, TensorCodec codec, TensorInfo output, List<TensorInfo> tensorScale, String reason)
        implements TensorTask {
    private static final ValueLayout.OfFloat F32 = ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

    /**
     * ggml stores every NVFP4 block scale from 248 up as 448, so the largest is kept at 240, the largest code below
     * that: 6 · 240.
     */
    private static final float NVFP4_LARGEST = 6 * 240;

    /** Encodes without a tensor scale. */
    static EncodeTask to(LogicalTensor source, TensorCodec codec, String reason) {
        return new EncodeTask(
                source, codec, new TensorInfo(source.name(), codec.dtype(), source.shape()), List.of(), reason);
    }

    @Override
    public List<TensorInfo> outputs() {
        var outputs = new ArrayList<>(List.of(output));
        outputs.addAll(tensorScale);
        return outputs;
    }

    @Override
    public String encoding() {
        return codec.dtype().name();
    }

    @Override
    public List<RowRange> pieces() {
        return RowRange.cut(source.shape(), source.rowBlock());
    }

    @Override
    public List<LogicalTensor> magnitudeOf() {
        return tensorScale.isEmpty() ? List.of() : List.of(source);
    }

    @Override
    public OpenTask open(LogicalModel model, float magnitude) {
        float scale = tensorScale.isEmpty() ? 1 : powerOfTwoFor(magnitude);
        return new Open(model.read(source), model.source().location(), scale);
    }

    /**
     * The smallest power of two that brings {@code magnitude} down to what NVFP4's block scales reach: as a power of
     * two it changes no digit of the values. 1 for a tensor of zeros.
     */
    static float powerOfTwoFor(float magnitude) {
        if (magnitude == 0) {
            return 1;
        }
        int exponent = Math.getExponent(magnitude / NVFP4_LARGEST);
        while (magnitude / NVFP4_LARGEST > Math.scalb(1f, exponent)) {
            exponent++;
        }
        return Math.scalb(1f, Math.clamp(exponent, Float.MIN_EXPONENT, Float.MAX_EXPONENT));
    }

    private final class Open implements OpenTask {
        private final WeightReader reader;
        private final String location;
        private final float scale;

        Open(WeightReader reader, String location, float scale) {
            this.reader = reader;
            this.location = location;
            this.scale = scale;
        }

        @Override
        public ErrorSums run(RowRange rows, ScratchBuffers scratch, Sink sink) {
            long columns = source.shape().columns();
            MemorySegment floats = reader.read(rows, scratch, 0);
            if (codec.dtype().kind() == DType.Kind.BLOCK) {
                FiniteCheck.scan(location, source, rows, floats);
            }
            MemorySegment scaled = scale == 1 ? floats : scaled(floats, 1 / scale, scratch.get(8, floats.byteSize()));
            long count = rows.count() * columns;
            MemorySegment bytes = scratch.get(9, codec.dtype().byteSize(count));
            codec.encode(scaled, 0, bytes, 0, count);
            sink.write(output, codec.dtype().byteSize(rows.first() * columns), bytes);
            if (!tensorScale.isEmpty() && rows.first() == 0) {
                MemorySegment one = scratch.get(10, Float.BYTES);
                one.set(F32, 0, scale);
                sink.write(tensorScale.getFirst(), 0, one);
            }
            MemorySegment restored = scratch.get(11, floats.byteSize());
            codec.decode(bytes, 0, restored, 0, count);
            ErrorSums error = ErrorSums.of(floats, scale == 1 ? restored : scaled(restored, scale, restored));
            if (!Double.isFinite(error.error())) {
                FiniteCheck.requireNoOverflow(location, source, rows, floats, restored, codec.dtype());
            }
            return error;
        }

        private static MemorySegment scaled(MemorySegment floats, float factor, MemorySegment into) {
            for (long i = 0; i < floats.byteSize(); i += Float.BYTES) {
                into.set(F32, i, floats.get(F32, i) * factor);
            }
            return into;
        }

        @Override
        public void close() {
            reader.close();
        }
    }
}
