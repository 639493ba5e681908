package dev.gust.quantization.pipeline;

import dev.gust.formats.codec.Codecs;
import dev.gust.formats.codec.TensorCodec;
import dev.gust.formats.scheme.Part;
import dev.gust.formats.scheme.WeightQuantizer;
import dev.gust.formats.tensor.DType;
import dev.gust.formats.tensor.Shape;
import dev.gust.formats.tensor.TensorInfo;
import dev.gust.formats.weight.LogicalModel;
import dev.gust.quantization.lowrank.FloatMatrix;
import dev.gust.quantization.pipeline.QuantizationRequest.Aim;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** How a matrix that a pipeline has computed is stored: plain, or in a scheme as a weight. */
sealed interface MatrixForm {
    /** A dtype or a scheme. */
    String label();

    /** Why a matrix of that shape cannot be stored so, if it cannot. */
    Optional<String> unsupported(Shape shape);

    /** The stored tensors of a matrix, in the order in which {@link #encode} fills them. */
    List<TensorInfo> stored(String name, Shape shape);

    /**
     * Encodes a matrix.
     *
     * @param name as for {@link #stored}
     * @param matrix finite values
     * @param memory receives all that is made
     */
    Encoded encode(String name, FloatMatrix matrix, Arena memory);

    /**
     * A matrix as it is stored.
     *
     * @param bytes of each stored tensor
     * @param restored what a reader makes of them
     */
    record Encoded(Map<TensorInfo, MemorySegment> bytes, FloatMatrix restored) {}

    /** The name under which a factor is stored: plain under its own, in a scheme as the weight of a layer of that name. */
    default String factorName(String factor) {
        return this instanceof Plain ? factor : factor + ".weight";
    }

    /** The form that a request names, or plain numbers of that type. */
    static MatrixForm of(Optional<Aim> aim, DType plain) {
        return aim.<MatrixForm>map(a -> switch (a) {
                    case Aim.Parts parts -> new Parts(parts, plain);
                    case Aim.Blocks(var dtype) -> new Blocks(dtype);
                })
                .orElseGet(() -> new Plain(plain));
    }

    /** The number of ranks that a scheme's blocks hold: the smallest of the usual sizes that A's rows can have. */
    default Optional<Integer> rankStep(long rows) {
        for (int step = 1; step <= 256; step *= 2) {
            if (unsupported(Shape.of(rows, step)).isEmpty()) {
                return Optional.of(step);
            }
        }
        return Optional.empty();
    }

    /**
     * Plain numbers.
     *
     * @param dtype F32, F16 or BF16
     */
    record Plain(DType dtype) implements MatrixForm {
        @Override
        public String label() {
            return dtype.name();
        }

        @Override
        public Optional<String> unsupported(Shape shape) {
            return Optional.empty();
        }

        @Override
        public List<TensorInfo> stored(String name, Shape shape) {
            return List.of(new TensorInfo(name, dtype, shape));
        }

        @Override
        public Encoded encode(String name, FloatMatrix matrix, Arena memory) {
            return encoded(dtype, stored(name, shape(matrix)).getFirst(), matrix, memory);
        }
    }

    /**
     * Codes and scales.
     *
     * @param aim scheme and layout
     * @param plain the model's plain type, which scales may take
     */
    record Parts(Aim.Parts aim, DType plain) implements MatrixForm {
        private WeightQuantizer quantizer() {
            return QuantizationPlanner.quantizer(aim, plain);
        }

        @Override
        public String label() {
            return aim.label();
        }

        @Override
        public Optional<String> unsupported(Shape shape) {
            return quantizer().unsupported(shape);
        }

        @Override
        public List<TensorInfo> stored(String name, Shape shape) {
            return quantizer().parts(shape).stream()
                    .map(p -> aim.layout().stored(name, p))
                    .toList();
        }

        @Override
        public Encoded encode(String name, FloatMatrix matrix, Arena memory) {
            List<MemorySegment> bytes = new ArrayList<>();
            for (Part part : quantizer().parts(shape(matrix))) {
                bytes.add(memory.allocate(part.byteSize(), 64));
            }
            quantizer().quantize(matrix.values(), matrix.rows(), shape(matrix), magnitude(matrix), bytes);
            FloatMatrix restored = FloatMatrix.allocate(matrix.rows(), matrix.columns(), memory);
            quantizer().dequantize(bytes, matrix.rows(), matrix.columns(), restored.values());
            var stored = new LinkedHashMap<TensorInfo, MemorySegment>();
            List<TensorInfo> infos = stored(name, shape(matrix));
            for (int i = 0; i < infos.size(); i++) {
                stored.put(infos.get(i), bytes.get(i));
            }
            return new Encoded(stored, restored);
        }
    }

    /**
     * Blocks of GGUF; NVFP4's with a scale of the whole tensor.
     *
     * @param dtype the block type
     */
    record Blocks(DType dtype) implements MatrixForm {
        private static final ValueLayout.OfFloat F32 =
                ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

        @Override
        public String label() {
            return dtype.name();
        }

        @Override
        public Optional<String> unsupported(Shape shape) {
            return shape.columns() % dtype.blockElements() == 0
                    ? Optional.empty()
                    : Optional.of("K = " + shape.columns() + " is not a multiple of " + dtype.blockElements());
        }

        @Override
        public List<TensorInfo> stored(String name, Shape shape) {
            var blocks = new TensorInfo(name, dtype, shape);
            return dtype == DType.NVFP4
                    ? List.of(blocks, new TensorInfo(LogicalModel.tensorScaleName(name), DType.F32, Shape.of(1)))
                    : List.of(blocks);
        }

        @Override
        public Encoded encode(String name, FloatMatrix matrix, Arena memory) {
            List<TensorInfo> infos = stored(name, shape(matrix));
            if (infos.size() == 1) {
                return encoded(dtype, infos.getFirst(), matrix, memory);
            }
            float scale = EncodeTask.powerOfTwoFor(magnitude(matrix));
            var scaled = matrix.scaled(1 / scale, memory);
            Encoded blocks = encoded(dtype, infos.getFirst(), scaled, memory);
            MemorySegment one = memory.allocate(Float.BYTES, Float.BYTES);
            one.set(F32, 0, scale);
            var stored = new LinkedHashMap<>(blocks.bytes());
            stored.put(infos.get(1), one);
            return new Encoded(stored, blocks.restored().scaled(scale, memory));
        }
    }

    private static Shape shape(FloatMatrix matrix) {
        return Shape.of(matrix.rows(), matrix.columns());
    }

    private static float magnitude(FloatMatrix matrix) {
        return dev.gust.formats.measure.Magnitudes.scan(matrix.values(), 0).max();
    }

    private static Encoded encoded(DType dtype, TensorInfo info, FloatMatrix matrix, Arena memory) {
        TensorCodec codec = Codecs.of(dtype).orElseThrow();
        long count = info.shape().elements();
        MemorySegment bytes = memory.allocate(info.byteSize(), 64);
        codec.encode(matrix.values(), 0, bytes, 0, count);
        FloatMatrix restored = FloatMatrix.allocate(matrix.rows(), matrix.columns(), memory);
        codec.decode(bytes, 0, restored.values(), 0, count);
        return new Encoded(Map.of(info, bytes), restored);
    }
}
