package dev.gust.runtime.encoder;

import dev.gust.formats.InputException;
import dev.gust.formats.tensor.Shape;
import dev.gust.formats.weight.LogicalModel;
import dev.gust.formats.weight.LogicalTensor;
import dev.gust.formats.weight.LowRankWeight;
import dev.gust.formats.weight.TensorEncoding;
import dev.gust.runtime.device.Device;
import dev.gust.runtime.layer.ActivationPlan;
import dev.gust.runtime.lowrank.FactoredWeight;
import dev.gust.runtime.lowrank.LowRankMatmul;
import dev.gust.runtime.matmul.MatmulOptions;
import dev.gust.runtime.matmul.MatmulPlan;
import dev.gust.runtime.matmul.QuantizedMatmul;
import dev.gust.runtime.weight.LinearWeights;
import java.lang.foreign.MemorySegment;
import java.util.List;

/**
 * A linear layer with its bias, y = act(W · x + b), where W is stored plain, quantized, or as low-rank factors with or
 * without a residual: A · (B · x) + R · x.
 *
 * @param name its name in the model, without {@code .weight}
 * @param in columns of W
 * @param bias b; {@link MemorySegment#NULL} if there is none
 * @param product W · x
 */
record EncoderLinear(String name, int in, MemorySegment bias, MatmulPlan product) implements AutoCloseable {
    /**
     * Loads a layer.
     *
     * @param module its name within the encoder
     * @throws InputException if it is missing or of another shape
     */
    static EncoderLinear load(
            Device device, EncoderTensors tensors, String module, int in, int out, MatmulOptions options) {
        LogicalModel model = tensors.model();
        String name = tensors.name(module);
        LogicalTensor weight = model.find(name + ".weight")
                .orElseThrow(() -> InputException.ofTensor(
                        tensors.location(), name + ".weight", "is missing", "gust inspect lists a model's tensors"));
        requireNoOrphan(tensors, name);
        if (!weight.shape().equals(Shape.of(out, in))) {
            throw InputException.ofTensor(
                    tensors.location(), weight.name(), "is " + weight.shape(), "give it as [" + out + ", " + in + "]");
        }
        MemorySegment bias = tensors.bias(module, out);
        MatmulPlan product = weight.encoding() instanceof TensorEncoding.LowRank
                ? LowRankMatmul.prepare(device, FactoredWeight.load(model, name), options)
                : QuantizedMatmul.prepare(device, LinearWeights.load(model.source(), weight), options);
        return new EncoderLinear(name, in, bias, product);
    }

    /** A factor whose other is missing or does not fit is a tensor of its own; W without it would be another weight. */
    private static void requireNoOrphan(EncoderTensors tensors, String name) {
        for (String suffix : List.of(LowRankWeight.A_SUFFIX, LowRankWeight.B_SUFFIX)) {
            for (String factor : List.of(name + suffix, name + suffix + ".weight")) {
                if (tensors.model().find(factor).isPresent()) {
                    throw InputException.ofTensor(
                            tensors.location(),
                            factor,
                            "is a low-rank factor, and the other one is missing or does not fit",
                            "make the model again with gust lowrank");
                }
            }
        }
    }

    /**
     * Multiplies, adds the bias and applies the function.
     *
     * @param x [rows, in]
     * @param function of this layer's width
     * @param y receives [rows, out]
     */
    void run(MemorySegment x, int rows, ActivationPlan function, MemorySegment y) {
        product.multiply(x, rows, y);
        function.run(y, bias, rows, y);
    }

    @Override
    public void close() {
        product.close();
    }
}
