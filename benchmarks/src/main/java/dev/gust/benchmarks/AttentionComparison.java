package dev.gust.benchmarks;

import dev.gust.runtime.attention.DeltaOperands;
import dev.gust.runtime.attention.DeltaSizes;
import dev.gust.runtime.attention.DeltaStep;
import dev.gust.runtime.attention.DeltaStep.Decay;
import dev.gust.runtime.attention.DeltaStep.Erase;
import dev.gust.runtime.attention.Form;
import dev.gust.runtime.attention.HeadMap;
import dev.gust.runtime.attention.Sequences;
import dev.gust.runtime.attention.StatePlan;
import dev.gust.runtime.jvm.JvmDevice;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.management.ManagementFactory;
import java.lang.management.ThreadMXBean;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.SplittableRandom;
import java.util.function.LongSupplier;

/**
 * The delta step on the jvm device: gated-delta beside llama.cpp's CPU backend, which gets the same numbers and as many
 * threads and takes turns with it; other rules by themselves, beside the rate of multiplying and adding. Where the process
 * has one processor, times are its thread's processor time, which a busy machine spoils less.
 */
final class AttentionComparison {
    private static final int HEADS = 32;
    private static final int SIZE = 128;
    private static final int PROMPT = 1024;
    private static final Form CHUNKED = new Form.Chunked(64);
    private static final int ROUNDS = 15;

    /** The compiler takes this long with vector loops, on processors that the loops want, too. */
    private static final double WARM_UP_SECONDS = 3;

    /** Calls to a turn for one token, of which the first is not timed: sleeping threads wake up in it. */
    private static final int CALLS = 20;

    private static final double MOST_DIFFERENCE = 1e-3;
    private static final float SCALE = (float) (1 / Math.sqrt(SIZE));
    private static final ValueLayout.OfFloat FLOAT = ValueLayout.JAVA_FLOAT_UNALIGNED;

    /** A rule by its name. */
    private record Rule(String name, DeltaStep step) {}

    private static final DeltaStep GATED_DELTA = step(Decay.TOKEN, Erase.WRITE_KEY);

    private static final List<Rule> RULES = List.of(
            new Rule("gated-delta", GATED_DELTA),
            new Rule("delta", step(Decay.NONE, Erase.WRITE_KEY)),
            new Rule("kda", step(Decay.CHANNEL, Erase.WRITE_KEY)),
            new Rule("simple-gla", step(Decay.TOKEN, Erase.NONE)),
            new Rule("gla", step(Decay.CHANNEL, Erase.NONE)));

    private AttentionComparison() {}

    private static DeltaStep step(Decay decay, Erase erase) {
        return DeviceStep.Delta.of(decay, erase, SCALE);
    }

    static void print(Path folder) throws Throwable {
        try (Arena arena = Arena.ofShared();
                var device = new JvmDevice()) {
            int threads = device.threads(0);
            double peak = PeakFlops.measure(device, threads, clock(threads));
            var peer = new GgmlBackend(folder, threads);
            System.out.printf(
                    Locale.ROOT,
                    "%d heads of %dx%d, %d threads, medians of %d; %.0f GFLOP/s at most; %s%n",
                    HEADS,
                    SIZE,
                    SIZE,
                    threads,
                    ROUNDS,
                    peak / 1e9,
                    peer.variant());
            System.out.printf(
                    "%-11s %6s %10s %10s %10s %10s%n", "rule", "tokens", "recurrent", "chunks", "llama.cpp", "ratio");
            compare(device, peer, 1, CALLS, clock(threads), arena);
            compare(device, peer, PROMPT, 2, clock(threads), arena);
            System.out.printf(
                    "%-11s %6s %10s %10s %10s %10s %7s%n",
                    "rule", "tokens", "form", "time", "ns/tok/hd", "GFLOP/s", "of peak");
            for (Rule rule : RULES) {
                row(device, rule, 1, Form.RECURRENT, "recurrent", peak, clock(threads), arena);
                row(device, rule, PROMPT, Form.RECURRENT, "recurrent", peak, clock(threads), arena);
                row(device, rule, PROMPT, CHUNKED, "chunks", peak, clock(threads), arena);
            }
        }
    }

    private static LongSupplier clock(int threads) {
        ThreadMXBean beans = ManagementFactory.getThreadMXBean();
        return threads == 1 ? beans::getCurrentThreadCpuTime : System::nanoTime;
    }

    private static DeltaSizes sizes(int tokens) {
        return DeltaSizes.of(tokens, 1, HEADS, HEADS, SIZE, SIZE, HeadMap.INTERLEAVED);
    }

    /** Gated-delta in both forms beside the peer; one token has only one form. */
    private static void compare(
            JvmDevice device, GgmlBackend peer, int tokens, int calls, LongSupplier clock, Arena arena)
            throws Throwable {
        DeltaSizes sizes = sizes(tokens);
        GgmlDelta theirs = GgmlDelta.of(peer, tokens, HEADS, SIZE, arena);
        theirs.q().copyFrom(units(arena, tokens, 1));
        theirs.k().copyFrom(units(arena, tokens, 2));
        theirs.v().copyFrom(uniform(arena, sizes.valueElements(tokens), -1, 1, 3));
        theirs.g().copyFrom(uniform(arena, sizes.betaElements(tokens), -0.2, 0, 4));
        theirs.beta().copyFrom(uniform(arena, sizes.betaElements(tokens), 0, 1, 5));
        theirs.state().copyFrom(uniform(arena, sizes.stateElements(1), -1, 1, 6));
        var operands =
                new DeltaOperands(theirs.q(), theirs.k(), DeltaOperands.NOTHING, theirs.v(), theirs.beta(), theirs.g());
        MemorySegment o = arena.allocate(theirs.o().byteSize(), 64);
        Sequences sequences = Sequences.of(1, tokens);
        try (StatePlan<DeltaOperands> recurrent = GATED_DELTA.prepare(device, sizes, Form.RECURRENT);
                StatePlan<DeltaOperands> chunks = GATED_DELTA.prepare(device, sizes, CHUNKED)) {
            theirs.runner().run();
            for (StatePlan<DeltaOperands> plan : List.of(recurrent, chunks)) {
                plan.loadStates(transposed(theirs.state(), arena));
                plan.run(operands, sequences, o);
                check("outputs", o, theirs.o());
                MemorySegment state = arena.allocate(theirs.next().byteSize(), 64);
                plan.saveStates(state);
                check("states", state, transposed(theirs.next(), arena));
            }
            double[] medians = medians(
                    List.of(
                            () -> recurrent.run(operands, sequences, o),
                            () -> chunks.run(operands, sequences, o),
                            theirs.runner()),
                    calls,
                    clock,
                    peer::rest);
            double ours = tokens == 1 ? medians[0] : medians[1];
            System.out.printf(
                    Locale.ROOT,
                    "%-11s %6d %7.1f us %7.1f us %7.1f us %10.2f%n",
                    "gated-delta",
                    tokens,
                    medians[0] * 1e6,
                    medians[1] * 1e6,
                    medians[2] * 1e6,
                    medians[2] / ours);
        }
    }

    private static void row(
            JvmDevice device,
            Rule rule,
            int tokens,
            Form form,
            String name,
            double peak,
            LongSupplier clock,
            Arena arena)
            throws Throwable {
        DeltaSizes sizes = sizes(tokens);
        DeltaStep step = rule.step();
        var operands = new DeltaOperands(
                units(arena, tokens, 1),
                units(arena, tokens, 2),
                DeltaOperands.NOTHING,
                uniform(arena, sizes.valueElements(tokens), -1, 1, 3),
                uniform(arena, step.beta() ? sizes.betaElements(tokens) : 0, 0, 1, 5),
                uniform(arena, sizes.decayElements(step.decay(), tokens), -0.2, 0, 4));
        MemorySegment o = arena.allocate(sizes.valueElements(tokens) * Float.BYTES, 64);
        Sequences sequences = Sequences.of(1, tokens);
        try (StatePlan<DeltaOperands> plan = step.prepare(device, sizes, form)) {
            double seconds = medians(
                    List.of(() -> plan.run(operands, sequences, o)), tokens == 1 ? CALLS : 2, clock, () -> {})[0];
            long steps = (long) tokens * HEADS;
            double rate = steps * flops(step) / seconds;
            System.out.printf(
                    Locale.ROOT,
                    "%-11s %6d %10s %7.1f us %10.0f %10.1f %5.0f %%%n",
                    rule.name(),
                    tokens,
                    name,
                    seconds * 1e6,
                    seconds * 1e9 / steps,
                    rate / 1e9,
                    100 * rate / peak);
        }
    }

    /** Operations that the recurrence takes for a token of a head: decay 1, erase 2, write 2, read 2 for each of the state. */
    private static double flops(DeltaStep step) {
        int each = 4 + (step.decay() == Decay.NONE ? 0 : 1) + (step.erase() == Erase.NONE ? 0 : 2);
        return (double) each * SIZE * SIZE;
    }

    /** Each step's median in seconds, after a warm-up. */
    private static double[] medians(
            List<GgmlBackend.Runner> steps, int calls, LongSupplier clock, GgmlBackend.Runner rest) throws Throwable {
        double[][] seconds = new double[steps.size()][ROUNDS];
        long began = System.nanoTime();
        for (int i = -1; i < ROUNDS; i += i >= 0 || (System.nanoTime() - began) / 1e9 > WARM_UP_SECONDS ? 1 : 0) {
            for (int s = 0; s < steps.size(); s++) {
                steps.get(s).run();
                long start = clock.getAsLong();
                for (int call = 1; call < calls; call++) {
                    steps.get(s).run();
                }
                double taken = (clock.getAsLong() - start) / 1e9 / (calls - 1);
                rest.run();
                if (i >= 0) {
                    seconds[s][i] = taken;
                }
            }
        }
        return Arrays.stream(seconds)
                .mapToDouble(t -> Arrays.stream(t).sorted().toArray()[ROUNDS / 2])
                .toArray();
    }

    private static MemorySegment uniform(Arena arena, long count, double from, double to, long seed) {
        if (count == 0) {
            return DeltaOperands.NOTHING;
        }
        MemorySegment x = arena.allocate(count * Float.BYTES, 64);
        var random = new SplittableRandom(seed);
        for (long i = 0; i < count; i++) {
            x.setAtIndex(FLOAT, i, (float) random.nextDouble(from, to));
        }
        return x;
    }

    /** Rows of length 1, since the peer does not normalize; ours does it once more. */
    private static MemorySegment units(Arena arena, int tokens, long seed) {
        MemorySegment x = uniform(arena, (long) tokens * HEADS * SIZE, -1, 1, seed);
        for (long row = 0; row < (long) tokens * HEADS; row++) {
            double squares = 0;
            for (int d = 0; d < SIZE; d++) {
                double value = x.getAtIndex(FLOAT, row * SIZE + d);
                squares += value * value;
            }
            for (int d = 0; d < SIZE; d++) {
                long at = row * SIZE + d;
                x.setAtIndex(FLOAT, at, (float) (x.getAtIndex(FLOAT, at) / Math.sqrt(squares)));
            }
        }
        return x;
    }

    private static MemorySegment transposed(MemorySegment states, Arena arena) {
        MemorySegment x = arena.allocate(states.byteSize(), 64);
        for (int h = 0; h < HEADS; h++) {
            for (int i = 0; i < SIZE; i++) {
                for (int j = 0; j < SIZE; j++) {
                    x.setAtIndex(
                            FLOAT,
                            ((long) h * SIZE + i) * SIZE + j,
                            states.getAtIndex(FLOAT, ((long) h * SIZE + j) * SIZE + i));
                }
            }
        }
        return x;
    }

    private static void check(String what, MemorySegment ours, MemorySegment theirs) {
        double difference = 0;
        double squares = 0;
        for (long i = 0; i < ours.byteSize() / Float.BYTES; i++) {
            double a = ours.getAtIndex(FLOAT, i);
            double b = theirs.getAtIndex(FLOAT, i);
            difference += (a - b) * (a - b);
            squares += b * b;
        }
        if (!(Math.sqrt(difference / squares) < MOST_DIFFERENCE)) {
            throw new IllegalStateException(what + " differ by " + Math.sqrt(difference / squares));
        }
    }
}
