package dev.gust.runtime.attention.parallel;

import dev.gust.formats.InputException;
import dev.gust.runtime.attention.AttentionPlan.StateTensor;
import dev.gust.runtime.attention.LinearAttention;
import dev.gust.runtime.attention.parallel.StateChain.Kind;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/** What is carried of all sequences, on the host. */
final class HostStates implements AutoCloseable {
    private final List<StateTensor> tensors;
    private final StateChain chain;
    private final int sequences;
    private final Arena arena = Arena.ofShared();
    private final Map<String, MemorySegment> values = new HashMap<>();

    HostStates(List<StateTensor> tensors, StateChain chain, int sequences) {
        this.tensors = List.copyOf(tensors);
        this.chain = chain;
        this.sequences = sequences;
        for (StateTensor s : tensors) {
            values.put(s.name(), arena.allocate(bytes(s) * sequences, 64));
        }
        for (int i = 0; i < sequences; i++) {
            clear(i);
        }
    }

    List<StateTensor> tensors() {
        return tensors;
    }

    void clear(int sequence) {
        for (StateTensor s : tensors) {
            MemorySegment state = slice(s, sequence, 1);
            boolean scale = isWeight(s);
            for (long i = 0; i < s.elements(); i++) {
                state.setAtIndex(ValueLayout.JAVA_FLOAT, i, scale ? Float.NEGATIVE_INFINITY : 0);
            }
        }
    }

    /** Whether the state is a multiple of e to this, which starts as −∞. */
    private boolean isWeight(StateTensor s) {
        return chain.hasScales()
                && s.name().equals(chain.kind() == Kind.LARGEST ? ChainStates.STABILIZER : ChainStates.NORMALIZER);
    }

    void load(Map<String, MemorySegment> from, int n) {
        check(from, n);
        for (StateTensor s : tensors) {
            if (isWeight(s) && from.containsKey(ChainStates.STATE) && !from.containsKey(s.name())) {
                throw StateTensor.weightless(LinearAttention.NAME, s.name());
            }
        }
        for (int i = 0; i < n; i++) {
            clear(i);
        }
        move(from, n, true);
    }

    void save(Map<String, MemorySegment> to, int n) {
        check(to, n);
        move(to, n, false);
    }

    private void move(Map<String, MemorySegment> users, int n, boolean in) {
        for (StateTensor s : tensors) {
            MemorySegment user = users.get(s.name());
            if (user != null) {
                MemorySegment ours = slice(s, 0, n);
                MemorySegment.copy(in ? user : ours, 0, in ? ours : user, 0, ours.byteSize());
            }
        }
    }

    /** Those of a part's sequences. */
    Map<String, MemorySegment> copyOf(Part part, Arena to) {
        Map<String, MemorySegment> copies = new HashMap<>();
        int n = part.sequences().count();
        for (StateTensor s : tensors) {
            int first = n == 0 ? 0 : part.firstSequence();
            copies.put(s.name(), to.allocate(bytes(s) * n, 64).copyFrom(slice(s, first, n)));
        }
        return copies;
    }

    /** Takes those of sequences that end in a part. */
    void take(Part part, Map<String, MemorySegment> partStates) {
        int n = part.sequences().count() - (part.continues() ? 1 : 0);
        for (StateTensor s : tensors) {
            if (n > 0) {
                MemorySegment from = ChainStates.of(partStates, s.name());
                MemorySegment.copy(from, 0, slice(s, part.firstSequence(), n), 0, bytes(s) * n);
            }
        }
    }

    private void check(Map<String, MemorySegment> users, int n) {
        if (n < 0 || n > sequences) {
            throw InputException.of(
                    LinearAttention.NAME,
                    "states of " + n + " sequences for a plan of " + sequences,
                    "prepare a larger plan");
        }
        users.forEach((name, tensor) -> {
            StateTensor known = tensors.stream()
                    .filter(s -> s.name().equals(name))
                    .findFirst()
                    .orElseThrow(() -> InputException.ofTensor(
                            LinearAttention.NAME,
                            name,
                            "is nothing that this rule carries",
                            "it carries "
                                    + tensors.stream().map(StateTensor::name).toList()));
            if (tensor.byteSize() != n * bytes(known)) {
                throw InputException.ofTensor(
                        LinearAttention.NAME,
                        name,
                        "has " + tensor.byteSize() / Float.BYTES + " elements where " + n * known.elements()
                                + " are wanted",
                        "give it as [" + n + ", …] " + known.shape());
            }
        });
    }

    private MemorySegment slice(StateTensor s, int first, int n) {
        return ChainStates.of(values, s.name()).asSlice(bytes(s) * first, bytes(s) * n);
    }

    private static long bytes(StateTensor s) {
        return s.elements() * Float.BYTES;
    }

    @Override
    public void close() {
        arena.close();
    }
}
