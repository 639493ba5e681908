package dev.gust.runtime.attention;

import dev.gust.formats.InputException;
import dev.gust.runtime.kernel.KernelTimes;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/**
 * A rule on a recurrence: what users give and see on one side, the recurrence's operands and states on the other.
 *
 * @param <X> the recurrence's operands
 */
final class RulePlan<X> implements AttentionPlan {
    private static final String STATE = "state";

    private static final String NORMALIZER = "z";

    private final CallCheck check;
    private final AttentionSizes sizes;
    private final AttentionRule<X> rule;
    private final StatePlan<X> plan;
    private final Scratch scratch;
    private boolean closed;

    /** @param scratch the rule's; closed with the plan */
    RulePlan(CallCheck check, AttentionSizes sizes, AttentionRule<X> rule, StatePlan<X> plan, Scratch scratch) {
        this.check = check;
        this.sizes = sizes;
        this.rule = rule;
        this.plan = plan;
        this.scratch = scratch;
    }

    @Override
    public synchronized KernelTimes run(Map<String, MemorySegment> tensors, Sequences sequences, MemorySegment o) {
        requireOpen();
        check.check(tensors, sequences, o);
        if (sequences.tokens() == 0) {
            return KernelTimes.ofTotal(0);
        }
        long start = System.nanoTime();
        var call = new RuleCall(tensors, sequences);
        X operands = rule.operands(call);
        Sequences steps = rule.sequences(call);
        MemorySegment raw = o;
        if (rule.finishes()) {
            DeltaSizes s = rule.sizes();
            raw = scratch.floats("o", steps.tokens(), (long) s.valueHeads() * s.valueDim());
        }
        KernelTimes times = plan.run(operands, steps, raw);
        if (rule.finishes()) {
            rule.finish(call, raw, o);
        }
        return new KernelTimes(times.kernel(), times.transfer(), times.compile(), System.nanoTime() - start);
    }

    @Override
    public synchronized void clear(int sequence) {
        requireOpen();
        plan.clearState(sequence);
        rule.carried().forEach(c -> c.clear(sequence, sizes.valueHeads()));
    }

    @Override
    public List<StateTensor> stateTensors() {
        long heads = sizes.valueHeads();
        long keyDim = sizes.keyDim();
        var tensors = new ArrayList<StateTensor>();
        tensors.add(new StateTensor(STATE, List.of(heads, keyDim, (long) sizes.valueDim())));
        if (rule.hasNormalizer()) {
            tensors.add(new StateTensor(NORMALIZER, List.of(heads, keyDim)));
        }
        rule.carried()
                .forEach(c -> tensors.add(new StateTensor(
                        c.name(), c.length() == 1 ? List.of(heads) : List.of(heads, (long) c.length()))));
        return tensors;
    }

    @Override
    public synchronized void load(Map<String, MemorySegment> states, int n) {
        requireOpen();
        checkStates(states, n);
        for (int i = 0; i < n; i++) {
            clear(i);
        }
        if (touchesState(states)) {
            try (Arena arena = Arena.ofConfined()) {
                MemorySegment ours = arena.allocate(rule.sizes().stateElements(n) * Float.BYTES, 64);
                rearrange(states, ours, n, true);
                plan.loadStates(ours);
            }
        }
        for (Carried c : rule.carried()) {
            MemorySegment given = states.get(c.name());
            if (given != null) {
                c.load(given);
            }
        }
    }

    @Override
    public synchronized void save(Map<String, MemorySegment> states, int n) {
        requireOpen();
        checkStates(states, n);
        if (touchesState(states)) {
            try (Arena arena = Arena.ofConfined()) {
                MemorySegment ours = arena.allocate(rule.sizes().stateElements(n) * Float.BYTES, 64);
                plan.saveStates(ours);
                rearrange(states, ours, n, false);
            }
        }
        for (Carried c : rule.carried()) {
            MemorySegment wanted = states.get(c.name());
            if (wanted != null) {
                c.save(wanted);
            }
        }
    }

    /** Another rule may carry a z of its own, on the host. */
    private boolean touchesState(Map<String, MemorySegment> states) {
        return states.containsKey(STATE) || (rule.hasNormalizer() && states.containsKey(NORMALIZER));
    }

    /** Between users' [n, HV, K, V] and [n, HV, K], and ours [n, HV, K, V + 1 or V]. */
    private void rearrange(Map<String, MemorySegment> states, MemorySegment ours, int n, boolean in) {
        int valueDim = sizes.valueDim();
        int columns = rule.sizes().valueDim();
        MemorySegment state = states.get(STATE);
        MemorySegment z = rule.hasNormalizer() ? states.get(NORMALIZER) : null;
        long rows = (long) n * sizes.valueHeads() * sizes.keyDim();
        for (long row = 0; row < rows; row++) {
            float factor = rule.stateFactor((int) (row / sizes.keyDim() % sizes.valueHeads()));
            for (int c = 0; c < valueDim && state != null; c++) {
                if (in) {
                    RuleCall.set(ours, row * columns + c, RuleCall.at(state, row * valueDim + c) / factor);
                } else {
                    RuleCall.set(state, row * valueDim + c, RuleCall.at(ours, row * columns + c) * factor);
                }
            }
            if (z != null && in) {
                RuleCall.set(ours, row * columns + valueDim, RuleCall.at(z, row));
            } else if (z != null) {
                RuleCall.set(z, row, RuleCall.at(ours, row * columns + valueDim));
            }
        }
    }

    private void checkStates(Map<String, MemorySegment> states, int n) {
        if (n < 0 || n > sizes.sequences()) {
            throw InputException.of(
                    LinearAttention.NAME,
                    "states of " + n + " sequences for a plan of " + sizes.sequences(),
                    "prepare a larger plan");
        }
        states.forEach((name, tensor) -> {
            StateTensor known = stateTensors().stream()
                    .filter(s -> s.name().equals(name))
                    .findFirst()
                    .orElseThrow(() -> InputException.ofTensor(
                            LinearAttention.NAME,
                            name,
                            "is nothing that this rule carries",
                            "it carries "
                                    + String.join(
                                            ", ",
                                            stateTensors().stream()
                                                    .map(StateTensor::name)
                                                    .toList())));
            if (tensor.byteSize() != n * known.elements() * Float.BYTES) {
                throw InputException.ofTensor(
                        LinearAttention.NAME,
                        name,
                        "has " + tensor.byteSize() / Float.BYTES + " elements where " + n * known.elements()
                                + " are wanted",
                        "give it as [" + n + ", …] " + known.shape());
            }
        });
    }

    private void requireOpen() {
        if (closed) {
            throw new IllegalStateException("the plan of linear attention is closed");
        }
    }

    @Override
    public synchronized void close() {
        if (!closed) {
            closed = true;
            plan.close();
            scratch.close();
        }
    }
}
