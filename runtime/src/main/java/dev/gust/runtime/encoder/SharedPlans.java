package dev.gust.runtime.encoder;

import dev.gust.runtime.device.Device;
import dev.gust.runtime.hybrid.AttendSizes;
import dev.gust.runtime.hybrid.KeyMask;
import dev.gust.runtime.hybrid.SoftmaxAttention;
import dev.gust.runtime.hybrid.SoftmaxPlan;
import dev.gust.runtime.layer.Activation;
import dev.gust.runtime.layer.ActivationPlan;
import dev.gust.runtime.layer.Norm;
import dev.gust.runtime.layer.NormGate;
import dev.gust.runtime.layer.NormPlan;
import dev.gust.runtime.layer.Pooling;
import dev.gust.runtime.layer.PoolingPlan;
import java.lang.foreign.MemorySegment;
import java.util.List;

/**
 * What all layers of an encoder use.
 *
 * @param bias adds the bias of layers that give hidden rows
 * @param activation the same with the activation, for the intermediate layer
 * @param attention among the tokens of each sequence
 * @param pooling of a sequence's tokens
 * @param unit brings vectors to length 1
 */
record SharedPlans(
        ActivationPlan bias, ActivationPlan activation, SoftmaxPlan attention, PoolingPlan pooling, NormPlan unit)
        implements AutoCloseable {
    /** Under the root of a vector's length, so that zeros stay zeros. */
    private static final double UNIT_EPSILON = 1e-24;

    static SharedPlans prepare(Device device, EncoderSizes sizes, EncoderOptions options) {
        int tokens = options.tokens();
        int heads = sizes.config().heads();
        int width = sizes.hidden() / heads;
        var unit = new Norm(Norm.Kind.L2, sizes.hidden(), MemorySegment.NULL, NormGate.NONE, UNIT_EPSILON);
        return new SharedPlans(
                new Activation(Activation.Kind.NONE, sizes.hidden()).prepare(device, tokens),
                new Activation(sizes.config().activation(), sizes.inner()).prepare(device, tokens),
                SoftmaxAttention.of(KeyMask.NONE)
                        .prepare(
                                device,
                                AttendSizes.of(tokens, heads, heads, width, width),
                                options.products().threads()),
                new Pooling(options.pooling(), sizes.hidden()).prepare(device, tokens, tokens),
                unit.prepare(device, tokens));
    }

    @Override
    public void close() {
        Plans.close(List.of(bias, activation, attention, pooling, unit));
    }
}
