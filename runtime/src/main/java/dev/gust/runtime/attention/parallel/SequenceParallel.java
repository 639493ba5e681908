package dev.gust.runtime.attention.parallel;

import dev.gust.formats.DeviceException;
import dev.gust.formats.InputException;
import dev.gust.formats.UsageException;
import dev.gust.runtime.attention.AttentionSizes;
import dev.gust.runtime.attention.DeltaStep.Decay;
import dev.gust.runtime.attention.LinearAttention;
import dev.gust.runtime.device.Device;
import java.util.List;
import java.util.function.Function;

/**
 * Linear attention whose row of tokens is split over several devices, one part and one thread to each; the result is that of a
 * single device, up to rounding.
 *
 * <pre>{@code
 * var parallel = new SequenceParallel(LinearAttention.of("kda"), List.of(first, second, third), AllGather::new);
 * try (ParallelPlan plan = parallel.prepare(sizes)) {
 *     plan.run(tensors, sequences, o);
 * }
 * }</pre>
 *
 * <p>Every rule of {@link LinearAttention#rules()} can be split but online-scaled-delta and log-linear.
 *
 * @param attention the rule and how it is computed
 * @param devices of ranks 0, 1, …; one may be there several times
 * @param gather makes a rank's way to come by the state before its part: {@code AllGather::new} or {@code PipelinedScan::new}
 */
public record SequenceParallel(LinearAttention attention, List<Device> devices, Function<Link, Gather> gather) {
    /** Against a slip of the keyboard: every rank is a thread. */
    private static final int MOST_RANKS = 1024;

    /**
     * @throws UsageException if there is no device, or there are more than 1,024
     */
    public SequenceParallel {
        devices = List.copyOf(devices);
        if (devices.isEmpty() || devices.size() > MOST_RANKS) {
            throw new UsageException(
                    "a row of tokens split over " + devices.size() + " devices", "give 1 to " + MOST_RANKS);
        }
    }

    /** As {@link #prepare(AttentionSizes, Decay, String)} without optional gates. */
    public ParallelPlan prepare(AttentionSizes sizes) {
        return prepare(sizes, Decay.NONE, LinearAttention.NAME + " " + attention.rule());
    }

    /**
     * Makes it ready on all devices, for parts as long as an even split makes them. Costly: keep the plan.
     *
     * @param sizes the most of a call, of all parts together
     * @param optional what g is, for rules where it may be left out; ignored by the others
     * @param where what errors about tensors name: the file that they come from
     * @throws InputException if the sizes do not fit together
     * @throws UsageException if the rule cannot be split, or an attribute's value is wrong
     * @throws DeviceException if a device cannot run it
     */
    public ParallelPlan prepare(AttentionSizes sizes, Decay optional, String where) {
        return new ParallelPlan(this, sizes, optional, where);
    }
}
