package dev.gust.quantization.lowrank;

import dev.gust.formats.InputException;
import dev.gust.formats.model.ModelFiles;
import dev.gust.formats.model.ModelInput;
import dev.gust.formats.tensor.DType;
import dev.gust.formats.tensor.Shape;
import dev.gust.formats.tensor.Tensor;
import dev.gust.formats.tensor.TensorInfo;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.Optional;

/**
 * A calibration file: for each layer NAME, {@code NAME.gram} F32 [N, N], the sum of x·xᵀ over all tokens, {@code
 * NAME.amax} F32 [N] and {@code NAME.count} I64 [1]. Layers are read as they are asked for.
 */
public final class CalibrationFile implements AutoCloseable {
    private static final ValueLayout.OfLong I64 = ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final String AGAIN = "calibrate the model that is decomposed, again";

    private final ModelInput input;

    private CalibrationFile(ModelInput input) {
        this.input = input;
    }

    /**
     * Opens a file.
     *
     * @throws InputException if there is none, or it is bad
     */
    public static CalibrationFile open(String file) {
        ModelInput input = ModelFiles.open(file);
        if (input.source().tensors().stream()
                .noneMatch(t -> t.name().endsWith(".gram") || t.name().endsWith(".amax"))) {
            String location = input.source().location();
            input.close();
            throw InputException.of(
                    location, "is no calibration: no tensor ends in .gram or .amax", "name what gust calibrate wrote");
        }
        return new CalibrationFile(input);
    }

    /** The file, as the user named it. */
    public String location() {
        return input.source().location();
    }

    /** What identifies the file's contents. */
    public String identity() {
        return input.identity();
    }

    /** Whether anything is known of a layer. */
    public boolean has(String layer) {
        return find(layer, "gram").isPresent() || find(layer, "amax").isPresent();
    }

    /**
     * What is known of a layer's inputs.
     *
     * @param layer its name
     * @param inputs N
     * @throws InputException if what is there is of another size, or not finite, or nothing but zeros, or negative where it
     *     cannot be
     */
    public LayerInputs layer(String layer, int inputs) {
        Optional<Matrix> gram = find(layer, "gram").map(info -> read(info, Shape.of(inputs, inputs)));
        gram.flatMap(GramMatrix::problem).ifPresent(problem -> {
            throw bad(layer + ".gram", problem);
        });
        Optional<Matrix> amax = find(layer, "amax").map(info -> maxima(info, Shape.of(inputs)));
        return new LayerInputs(
                gram,
                amax,
                find(layer, "count").map(this::count).orElse(0L),
                new LayerInputs.Origin(location(), layer + "."));
    }

    private Optional<TensorInfo> find(String layer, String what) {
        return input.source().find(layer + "." + what);
    }

    private Matrix read(TensorInfo info, Shape shape) {
        if (info.dtype() != DType.F32 || !info.shape().equals(shape)) {
            throw bad(
                    info.name(),
                    "is " + info.dtype() + " " + info.shape() + ", but the layer's inputs make it F32 " + shape);
        }
        try (Tensor tensor = input.source().open(info.name())) {
            MemorySegment floats = tensor.data();
            Matrix matrix =
                    Matrix.of(floats, (int) (shape.elements() / shape.columns()), Math.toIntExact(shape.columns()));
            for (double v : matrix.values()) {
                if (!Double.isFinite(v)) {
                    throw bad(info.name(), "holds NaN or infinity");
                }
            }
            return matrix;
        }
    }

    private Matrix maxima(TensorInfo info, Shape shape) {
        Matrix maxima = read(info, shape);
        double sum = 0;
        for (double v : maxima.values()) {
            if (v < 0) {
                throw bad(info.name(), "holds " + v + ", which no magnitude is");
            }
            sum += v;
        }
        if (sum == 0) {
            throw bad(info.name(), "is all zeros: no input was seen");
        }
        return maxima;
    }

    private long count(TensorInfo info) {
        if (info.dtype() != DType.I64 || info.shape().elements() != 1) {
            throw bad(info.name(), "is " + info.dtype() + " " + info.shape() + ", not I64 [1]");
        }
        try (Tensor tensor = input.source().open(info.name())) {
            return Math.max(0, tensor.data().get(I64, 0));
        }
    }

    private InputException bad(String tensor, String reason) {
        return InputException.ofTensor(location(), tensor, reason, AGAIN);
    }

    @Override
    public void close() {
        input.close();
    }
}
