package dev.gust.runtime.attention;

import dev.gust.runtime.attention.DeltaStep.Decay;
import dev.gust.runtime.attention.DeltaStep.Erase;
import dev.gust.runtime.attention.DeltaStep.Normalize;
import dev.gust.runtime.attention.DeltaStep.Read;
import dev.gust.runtime.device.Device;
import dev.gust.runtime.kernel.KernelStyle;
import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.Optional;

/**
 * Rules whose keys and decays come from one tensor:
 *
 * <ul>
 *   <li>hgrn2 (arXiv 2404.07904): there is g only, and the key is 1 − exp g
 *   <li>lightnet (2405.21022): k are logarithms, z_t = log Σ exp k so far, the decay z_(t−1) − z_t and the key exp(k_t − z_t), so
 *       that S is the mean of v weighted by a softmax over the tokens so far
 * </ul>
 */
final class ForgetKeysRule implements DifferentiableDeltaRule {
    private final RuleSettings settings;
    private final Scratch scratch;
    private final List<Carried> carried;

    /** Lightnet's, of the plan that the rule belongs to. */
    private Optional<LogSums> logSums = Optional.empty();

    private ForgetKeysRule(RuleSettings settings, Scratch scratch, List<Carried> carried) {
        this.settings = settings;
        this.scratch = scratch;
        this.carried = carried;
    }

    static DeltaRule hgrn2(RuleSettings settings, Scratch scratch) {
        return new ForgetKeysRule(settings, scratch, List.of());
    }

    static DeltaRule lightNet(RuleSettings settings, Scratch scratch) {
        int keyDim = settings.sizes().keyDim();
        return new ForgetKeysRule(
                settings, scratch, List.of(Carried.of("z", settings.sizes(), keyDim, Float.NEGATIVE_INFINITY)));
    }

    @Override
    public DeltaStep step() {
        return new DeltaStep(
                Decay.CHANNEL, Erase.NONE, false, Read.AFTER, Normalize.QUERY.when(settings.unit()), settings.scale());
    }

    @Override
    public DeltaSizes sizes() {
        AttentionSizes s = settings.sizes();
        return new DeltaSizes(
                s.tokens(),
                s.sequences(),
                s.heads(),
                s.valueHeads(),
                s.valueHeads(),
                s.valueHeads(),
                s.keyDim(),
                s.valueDim(),
                settings.headMap());
    }

    @Override
    public DeltaOperands operands(RuleCall call) {
        AttentionSizes s = settings.sizes();
        int tokens = call.sequences().tokens();
        long perToken = (long) s.valueHeads() * s.keyDim();
        MemorySegment keys = scratch.floats("keys", tokens, perToken);
        MemorySegment g = call.tensor("g");
        if (carried.isEmpty()) {
            for (long i = 0; i < tokens * perToken; i++) {
                RuleCall.set(keys, i, (float) -Math.expm1(RuleCall.at(g, i)));
            }
        } else {
            g = scratch.floats("g", tokens, perToken);
            logSums.orElseThrow()
                    .run(call.tensor("k"), call.sequences(), carried.getFirst().values(), keys, g);
        }
        return new DeltaOperands(
                call.tensor("q"), keys, DeltaOperands.NOTHING, call.tensor("v"), DeltaOperands.NOTHING, g);
    }

    @Override
    public StatePlan<DeltaOperands> prepare(Device device, Form form, Optional<KernelStyle> kernels) {
        StatePlan<DeltaOperands> plan = DifferentiableDeltaRule.super.prepare(device, form, kernels);
        return carried.isEmpty() ? plan : new LogSumsPlan(plan, prepareSums(device));
    }

    @Override
    public BackwardPlan<DeltaOperands, DeltaGradients> prepareBackward(Device device, Form form, DecayGradient decays) {
        BackwardPlan<DeltaOperands, DeltaGradients> plan =
                DifferentiableDeltaRule.super.prepareBackward(device, form, decays);
        return carried.isEmpty() ? plan : new LogSumsPlan.Backward(plan, prepareSums(device));
    }

    private LogSums prepareSums(Device device) {
        var ready = LogSums.prepare(device, settings.deltaSizes(), settings.unit());
        logSums = Optional.of(ready);
        return ready;
    }

    @Override
    public List<Carried> carried() {
        return carried;
    }

    @Override
    public DeltaGradients route(BackwardCall call, MemorySegment initialStates) {
        AttentionSizes s = settings.sizes();
        long perToken = (long) s.valueHeads() * s.keyDim();
        boolean back = backThroughKeys(call);
        MemorySegment none = DeltaOperands.NOTHING;
        MemorySegment dG =
                carried.isEmpty() ? call.wanted("g") : back ? scratch.floats("dg", call.tokens(), perToken) : none;
        return new DeltaGradients(
                call.wanted("q"),
                back ? scratch.floats("dKeys", call.tokens(), perToken) : none,
                none,
                call.wanted("v"),
                none,
                dG,
                initialStates);
    }

    private static boolean backThroughKeys(BackwardCall call) {
        return call.wantsAny("k", "g", AttentionBackwardPlan.INITIAL + "z");
    }

    @Override
    public void finishGradients(BackwardCall call) {
        AttentionSizes s = settings.sizes();
        long perToken = (long) s.valueHeads() * s.keyDim();
        if (!backThroughKeys(call)) {
            return;
        }
        MemorySegment dKeys = scratch.floats("dKeys", call.tokens(), perToken);
        if (carried.isEmpty()) {
            MemorySegment dG = call.wanted("g");
            for (long i = 0; i < call.tokens() * perToken; i++) {
                double keptBy = Math.exp(RuleCall.at(call.tensor("g"), i));
                RuleCall.set(dG, i, (float) (RuleCall.at(dG, i) - keptBy * RuleCall.at(dKeys, i)));
            }
        } else {
            MemorySegment dK = scratch.floats("dk", call.tokens(), (long) s.heads() * s.keyDim());
            dK.fill((byte) 0);
            logSumsBackward(call, dKeys, scratch.floats("dg", call.tokens(), perToken), dK);
            if (call.wantsAny("k")) {
                call.wanted("k").copyFrom(dK);
                if (settings.unit()) {
                    SharedKeys.unit(withoutPadding(call), call.wanted("k"), s.keyDim());
                }
            }
        }
    }

    /** k with 0 for −∞, which is no part of its length. */
    private MemorySegment withoutPadding(BackwardCall call) {
        MemorySegment k = call.tensor("k");
        long perToken = (long) settings.sizes().heads() * settings.sizes().keyDim();
        MemorySegment finite = scratch.floats("k", call.tokens(), perToken);
        for (long i = 0; i < call.tokens() * perToken; i++) {
            float value = RuleCall.at(k, i);
            RuleCall.set(finite, i, value == Float.NEGATIVE_INFINITY ? 0 : value);
        }
        return finite;
    }

    /** Back through z: dz_(t−1) = dg + exp(g) dz and dk = key (dkey + dz), dz less what key and g take from it. */
    private void logSumsBackward(BackwardCall call, MemorySegment dKeys, MemorySegment dG, MemorySegment dK) {
        AttentionSizes s = settings.sizes();
        Sequences sequences = call.sequences();
        Carried z = carried.getFirst();
        MemorySegment keys = scratch.floats("keys", call.tokens(), (long) s.valueHeads() * s.keyDim());
        MemorySegment g = scratch.floats("g", call.tokens(), (long) s.valueHeads() * s.keyDim());
        for (int n = 0; n < sequences.count(); n++) {
            for (int i = 0; i < s.valueHeads() * s.keyDim(); i++) {
                int h = i / s.keyDim();
                int d = i % s.keyDim();
                int at = z.at(n, h, s.valueHeads()) + d;
                double dz = call.dFinal(z, at);
                for (int t = sequences.end(n) - 1; t >= sequences.first(n); t--) {
                    long channel = ((long) t * s.valueHeads() + h) * s.keyDim() + d;
                    long key = ((long) t * s.heads() + settings.head(h)) * s.keyDim() + d;
                    double written = RuleCall.at(keys, channel);
                    double decay = RuleCall.at(g, channel);
                    // Padding so far: nothing moves z.
                    if (written == 0 && decay == 0) {
                        continue;
                    }
                    double dWritten = RuleCall.at(dKeys, channel);
                    double dDecay = RuleCall.at(dG, channel);
                    dz -= written * dWritten + dDecay;
                    double dKey = written * (dWritten + dz);
                    RuleCall.set(dK, key, (float) (RuleCall.at(dK, key) + dKey));
                    dz = dDecay + Math.exp(decay) * dz;
                }
                call.setInitial(z, at, dz);
            }
        }
    }
}
