package dev.gust.runtime.lowrank;

import dev.gust.formats.DeviceException;
import dev.gust.formats.InputException;
import dev.gust.formats.UsageException;
import dev.gust.formats.layout.QuantizationConfig;
import dev.gust.formats.model.ModelFiles;
import dev.gust.formats.model.ModelInput;
import dev.gust.formats.weight.LogicalModel;
import dev.gust.runtime.device.Device;
import dev.gust.runtime.kernel.KernelTimes;
import dev.gust.runtime.matmul.MatmulOptions;
import dev.gust.runtime.matmul.MatmulPlan;
import dev.gust.runtime.matmul.RowsOfFloats;
import java.lang.foreign.MemorySegment;

/**
 * A linear layer without bias whose weight is stored as low-rank factors, y = A (B x), or as those and what they leave over,
 * y = A (B x) + R x: {@code LAYER.lowrank_a}, {@code LAYER.lowrank_b} and {@code LAYER.weight}, each plain or quantized.
 * Everything stays packed as it is in the model's file. Safe to use from many threads.
 */
public final class FactoredLinear implements AutoCloseable {
    private final ModelInput input;
    private final FactoredWeight weight;
    private final MatmulPlan plan;

    private FactoredLinear(ModelInput input, FactoredWeight weight, MatmulPlan plan) {
        this.input = input;
        this.weight = weight;
        this.plan = plan;
    }

    /** Loads a layer with {@link MatmulOptions#DEFAULT}. */
    public static FactoredLinear load(Device device, String model, String layer) {
        return load(device, model, layer, MatmulOptions.DEFAULT);
    }

    /**
     * Loads a layer. The model's file stays mapped until the layer is closed.
     *
     * @param device where to multiply; to be closed after this
     * @param model a folder or file, as the command line takes it
     * @param layer name of the layer, with or without {@code .weight}
     * @param options how to multiply
     * @throws InputException if the model is missing or bad, or has no factors of that layer
     * @throws DeviceException if the device cannot multiply by such factors
     */
    public static FactoredLinear load(Device device, String model, String layer, MatmulOptions options) {
        ModelInput input = ModelFiles.open(model);
        try {
            LogicalModel logical =
                    LogicalModel.of(input.source(), input.config().flatMap(QuantizationConfig::declaredScheme));
            FactoredWeight weight = FactoredWeight.load(logical, layer);
            return new FactoredLinear(input, weight, LowRankMatmul.prepare(device, weight, options));
        } catch (RuntimeException e) {
            input.close();
            throw e;
        }
    }

    /** The factors as they are stored. */
    public FactoredWeight weight() {
        return weight;
    }

    /**
     * Multiplies.
     *
     * @param x [T, N], row-major
     * @return y [T, M]
     * @throws UsageException if the length of x is no multiple of N
     * @throws DeviceException if the device fails
     */
    public float[] multiply(float[] x) {
        return RowsOfFloats.multiply(plan, weight.outFeatures(), weight.inFeatures(), x);
    }

    /**
     * Multiplies in memory of the caller's, such as a tensor's.
     *
     * @param x [T, N] float32, little-endian
     * @param tokens T
     * @param y receives [T, M] float32
     * @return where the time went
     * @throws IllegalArgumentException if the segments do not have these sizes
     * @throws DeviceException if the device fails
     */
    public KernelTimes multiply(MemorySegment x, int tokens, MemorySegment y) {
        return plan.multiply(x, tokens, y);
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
