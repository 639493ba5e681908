package dev.gust.benchmarks;

import dev.gust.runtime.attention.DeltaOperands;
import dev.gust.runtime.attention.DeltaSizes;
import dev.gust.runtime.attention.DeltaStep;
import dev.gust.runtime.attention.DeltaStep.Decay;
import dev.gust.runtime.attention.DeltaStep.Erase;
import dev.gust.runtime.attention.DeltaStep.Normalize;
import dev.gust.runtime.attention.DeltaStep.Read;
import dev.gust.runtime.attention.DplrOperands;
import dev.gust.runtime.attention.DplrStep;
import dev.gust.runtime.attention.Form;
import dev.gust.runtime.attention.StatePlan;
import dev.gust.runtime.device.Device;
import java.lang.foreign.MemorySegment;

/**
 * A recurrence of {@link DeviceAttention}, with operands for it.
 *
 * @param <X> its operands
 */
interface DeviceStep<X> {
    /** Makes it ready on a device. */
    StatePlan<X> prepare(Device device, DeltaSizes sizes, Form form);

    /** Operands of so many tokens. */
    X operands(RandomValues values, DeltaSizes sizes, int tokens);

    /** Those of the first so many tokens. */
    X first(X operands, DeltaSizes sizes, int tokens);

    /** Operations to a token and an element of the state: what it multiplies and adds to read, write and erase. */
    double operations();

    /** A delta step. */
    record Delta(DeltaStep step) implements DeviceStep<DeltaOperands> {
        /** The step as layers use it: what erases has beta and divides by lengths. */
        static DeltaStep of(Decay decay, Erase erase, float scale) {
            boolean erases = erase != Erase.NONE;
            return new DeltaStep(decay, erase, erases, Read.AFTER, erases ? Normalize.EACH : Normalize.NONE, scale);
        }

        @Override
        public StatePlan<DeltaOperands> prepare(Device device, DeltaSizes sizes, Form form) {
            return step.prepare(device, sizes, form);
        }

        @Override
        public DeltaOperands operands(RandomValues values, DeltaSizes sizes, int tokens) {
            return new DeltaOperands(
                    values.of(sizes.queryElements(tokens)),
                    values.of(sizes.keyElements(tokens)),
                    DeltaOperands.NOTHING,
                    values.of(sizes.valueElements(tokens)),
                    values.of(step.beta() ? sizes.betaElements(tokens) : 0, x -> 1 / (1 + Math.exp(-x))),
                    values.of(sizes.decayElements(step.decay(), tokens), x -> -Math.log1p(Math.exp(-x))));
        }

        @Override
        public DeltaOperands first(DeltaOperands all, DeltaSizes sizes, int tokens) {
            return new DeltaOperands(
                    part(all.q(), sizes.queryElements(tokens)),
                    part(all.k(), sizes.keyElements(tokens)),
                    DeltaOperands.NOTHING,
                    part(all.v(), sizes.valueElements(tokens)),
                    part(all.beta(), step.beta() ? sizes.betaElements(tokens) : 0),
                    part(all.g(), sizes.decayElements(step.decay(), tokens)));
        }

        @Override
        public double operations() {
            return step.erase() == Erase.NONE ? 4 : 6;
        }
    }

    /** Diagonal plus low rank, with b so small that states stay bounded. */
    record Dplr(DplrStep step) implements DeviceStep<DplrOperands> {
        @Override
        public StatePlan<DplrOperands> prepare(Device device, DeltaSizes sizes, Form form) {
            return step.prepare(device, sizes, form);
        }

        @Override
        public DplrOperands operands(RandomValues values, DeltaSizes sizes, int tokens) {
            long channels = channels(sizes, tokens);
            double unit = 1 / Math.sqrt(sizes.keyDim());
            return new DplrOperands(
                    values.of(sizes.queryElements(tokens)),
                    values.of(sizes.keyElements(tokens)),
                    values.of(sizes.valueElements(tokens)),
                    values.of(channels, x -> unit * x),
                    values.of(channels, x -> 0.5 * unit * x),
                    values.of(step.decays() ? channels : 0, x -> -Math.log1p(Math.exp(-x))));
        }

        @Override
        public DplrOperands first(DplrOperands all, DeltaSizes sizes, int tokens) {
            long channels = channels(sizes, tokens);
            return new DplrOperands(
                    part(all.q(), sizes.queryElements(tokens)),
                    part(all.k(), sizes.keyElements(tokens)),
                    part(all.v(), sizes.valueElements(tokens)),
                    part(all.a(), channels),
                    part(all.b(), channels),
                    part(all.g(), step.decays() ? channels : 0));
        }

        @Override
        public double operations() {
            return 6;
        }

        private static long channels(DeltaSizes sizes, int tokens) {
            return sizes.decayElements(DeltaStep.Decay.CHANNEL, tokens);
        }
    }

    private static MemorySegment part(MemorySegment all, long elements) {
        return elements == 0 ? DeltaOperands.NOTHING : all.asSlice(0, elements * Float.BYTES);
    }
}
