package dev.gust.runtime.matmul;

import dev.gust.formats.DeviceException;
import dev.gust.formats.InputException;
import dev.gust.formats.UsageException;
import dev.gust.formats.layout.QuantizationConfig;
import dev.gust.formats.model.ModelFiles;
import dev.gust.formats.model.ModelInput;
import dev.gust.formats.weight.LogicalModel;
import dev.gust.runtime.device.Device;
import dev.gust.runtime.kernel.KernelTimes;
import dev.gust.runtime.weight.LinearWeight;
import dev.gust.runtime.weight.LinearWeights;
import java.lang.foreign.MemorySegment;

/**
 * A linear layer without bias, y = x · Wᵀ, whose weight stays packed as it is in the model's file. Safe to use from many
 * threads.
 *
 * <pre>{@code
 * try (Device device = Devices.open(DeviceId.AUTO);
 *         QuantizedLinear query = QuantizedLinear.load(device, "out/minilm-nvfp4", "encoder.layer.0.attention.self.query")) {
 *     float[] y = query.multiply(x);
 * }
 * }</pre>
 */
public final class QuantizedLinear implements AutoCloseable {
    private final ModelInput input;
    private final LinearWeight weight;
    private final MatmulPlan plan;

    private QuantizedLinear(ModelInput input, LinearWeight weight, MatmulPlan plan) {
        this.input = input;
        this.weight = weight;
        this.plan = plan;
    }

    /** Loads a layer with {@link MatmulOptions#DEFAULT}. */
    public static QuantizedLinear load(Device device, String model, String layer) {
        return load(device, model, layer, MatmulOptions.DEFAULT);
    }

    /**
     * Loads a layer. The model's file stays mapped until the layer is closed.
     *
     * @param device where to multiply; to be closed after this
     * @param model a folder or file, as the command line takes it
     * @param layer name of the layer, with or without {@code .weight}
     * @param options how to multiply
     * @throws InputException if the model or the layer is missing or bad
     * @throws DeviceException if the device cannot multiply by such a weight
     */
    public static QuantizedLinear load(Device device, String model, String layer, MatmulOptions options) {
        ModelInput input = ModelFiles.open(model);
        try {
            LogicalModel logical =
                    LogicalModel.of(input.source(), input.config().flatMap(QuantizationConfig::declaredScheme));
            LinearWeight weight = LinearWeights.load(logical, layer);
            return new QuantizedLinear(input, weight, QuantizedMatmul.prepare(device, weight, options));
        } catch (RuntimeException e) {
            input.close();
            throw e;
        }
    }

    /** K. */
    public long inFeatures() {
        return weight.k();
    }

    /** N. */
    public long outFeatures() {
        return weight.n();
    }

    /** The weight as it is stored. */
    public LinearWeight weight() {
        return weight;
    }

    /**
     * Multiplies.
     *
     * @param x [M, K], row-major
     * @return y [M, N]
     * @throws UsageException if the length of x is no multiple of K
     * @throws DeviceException if the device fails
     */
    public float[] multiply(float[] x) {
        return RowsOfFloats.multiply(plan, weight.n(), weight.k(), x);
    }

    /**
     * Multiplies in memory of the caller's, such as a tensor's.
     *
     * @param x [M, K] float32, little-endian
     * @param m M
     * @param y receives [M, N] float32
     * @return where the time went
     * @throws IllegalArgumentException if the segments do not have these sizes
     * @throws DeviceException if the device fails
     */
    public KernelTimes multiply(MemorySegment x, int m, MemorySegment y) {
        return plan.multiply(x, m, y);
    }

    @Override
    public void close() {
        try {
            plan.close();
        } finally {
            input.close();
        }
    }
}
