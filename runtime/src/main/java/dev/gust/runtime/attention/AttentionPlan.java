package dev.gust.runtime.attention;

import dev.gust.formats.DeviceException;
import dev.gust.formats.InputException;
import dev.gust.runtime.kernel.KernelTimes;
import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.Map;

/**
 * Linear attention made ready on a device, with the states of its sequences: they stay there from call to call, in float32,
 * and are zero at first. Prompts and decoding are the same call with more or fewer tokens. Safe to call from many threads, one
 * call after the other.
 */
public interface AttentionPlan extends AutoCloseable {
    /**
     * Goes through the tokens of some sequences, from where their states are.
     *
     * @param tensors the rule's, by name: float32, little-endian, one token after the other
     * @param sequences which tokens are whose; sequence i works on state i
     * @param o receives [tokens, HV, V] float32
     * @return where the time went
     * @throws InputException if a tensor is missing, does not have its size, or a gate is NaN, +∞, or −∞ where it is no logarithm;
     *     nothing has run then
     * @throws DeviceException if the device fails
     * @throws IllegalStateException after {@link #close()}
     */
    KernelTimes run(Map<String, MemorySegment> tensors, Sequences sequences, MemorySegment o);

    /** Starts a sequence anew. */
    void clear(int sequence);

    /** What is carried from call to call: the state, and what a rule has beside it. */
    List<StateTensor> stateTensors();

    /**
     * Sets what is carried for sequences 0 to n − 1; names that are left out start anew. A state of {@code mlstm} and
     * {@code lightnet} goes with its m or z, without which it weighs nothing.
     *
     * @param states by {@link StateTensor#name()}, each [n, …] float32
     * @throws InputException if a name is unknown, a tensor does not have its size, or a state comes without its weight
     */
    void load(Map<String, MemorySegment> states, int n);

    /**
     * Reads what is carried for sequences 0 to n − 1.
     *
     * @param states receives, by {@link StateTensor#name()}, [n, …] float32; names may be left out
     */
    void save(Map<String, MemorySegment> states, int n);

    @Override
    void close();

    /**
     * Something that is carried.
     *
     * @param name "state", or what a rule has beside it: z a normaliser, m a stabiliser, d scales
     * @param shape behind [n]
     */
    record StateTensor(String name, List<Long> shape) {
        public StateTensor {
            shape = List.copyOf(shape);
        }

        /** What is said of a state whose weight, the power of e that it is a multiple of, is not given with it. */
        public static InputException weightless(String where, String weight) {
            return InputException.ofTensor(
                    where,
                    AttentionBackwardPlan.INITIAL + weight,
                    "is missing beside " + AttentionBackwardPlan.INITIAL + "state, which weighs nothing without it",
                    "give both, or neither");
        }

        /** Elements of one sequence. */
        public long elements() {
            return shape.stream().reduce(1L, (a, b) -> a * b);
        }
    }
}
