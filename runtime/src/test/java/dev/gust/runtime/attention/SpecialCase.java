package dev.gust.runtime.attention;

import dev.gust.runtime.device.Device;
import dev.gust.runtime.kernel.KernelStyle;
import java.util.Map;
import java.util.Optional;

/** Rules that are others' special cases, on one device; {@link OracleEqualitiesTest} says the same of the oracles. */
enum SpecialCase {
    GATED_DELTA_2_WITH_ONE_STRENGTH_IS_KDA("kda") {
        @Override
        AttentionCase general(AttentionCase kda) {
            return kda.withRule("gated-delta-2")
                    .without("beta")
                    .with("erase", spread(kda, "beta"))
                    .with("write", spread(kda, "beta"));
        }
    },
    KDA_WITH_ONE_GATE_FOR_ALL_CHANNELS_IS_GATED_DELTA("gated-delta") {
        @Override
        AttentionCase general(AttentionCase gated) {
            return gated.withRule("kda").with("g", spread(gated, "g"));
        }
    },
    GATED_DELTA_WITHOUT_DECAY_IS_DELTA("delta") {
        @Override
        AttentionCase general(AttentionCase delta) {
            return delta.withRule("gated-delta").with("g", new float[delta.tensor("beta").length]);
        }
    },
    ONE_STEP_OF_DELTA_PRODUCT_IS_GATED_DELTA("gated-delta") {
        @Override
        AttentionCase general(AttentionCase gated) {
            return gated.withRule("delta-product").withAttribute("steps", "1");
        }
    },
    RWKV7_IS_DIAGONAL_PLUS_LOW_RANK("rwkv7") {
        @Override
        AttentionCase general(AttentionCase rwkv) {
            return rwkv.withRule("dplr")
                    .with("a", RuleConformance.given(rwkv, "a"))
                    .with("b", RuleConformance.given(rwkv, "b"));
        }
    };

    private static final CaseShape SHAPE = CaseShape.of(1, 33, 1, 8);

    private final String rule;

    SpecialCase(String rule) {
        this.rule = rule;
    }

    /** The same call of the rule that has more. */
    abstract AttentionCase general(AttentionCase special);

    /** o and the last state of both rules. */
    void check(Device device, Optional<KernelStyle> kernels, Form form) {
        AttentionCase special = CaseInputs.draw(rule, SHAPE, 7);
        AttentionCase general = general(special);
        Map<String, double[]> expected = SplitConformance.whole(device, kernels, special, form);
        SplitConformance.compare(
                expected,
                SplitConformance.whole(device, kernels, general, form),
                special + " as " + general.rule() + " " + form + " on " + device.id());
    }

    /** A number for each head, repeated for each of its channels. */
    private static float[] spread(AttentionCase call, String name) {
        float[] scalars = call.tensor(name);
        float[] channels = new float[scalars.length * SHAPE.k()];
        for (int i = 0; i < channels.length; i++) {
            channels[i] = scalars[i / SHAPE.k()];
        }
        return channels;
    }
}
