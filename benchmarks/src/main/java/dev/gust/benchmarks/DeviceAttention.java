package dev.gust.benchmarks;

import dev.gust.runtime.Devices;
import dev.gust.runtime.attention.DeltaSizes;
import dev.gust.runtime.attention.DeltaStep.Decay;
import dev.gust.runtime.attention.DeltaStep.Erase;
import dev.gust.runtime.attention.DplrStep;
import dev.gust.runtime.attention.Form;
import dev.gust.runtime.attention.HeadMap;
import dev.gust.runtime.attention.Sequences;
import dev.gust.runtime.attention.StatePlan;
import dev.gust.runtime.device.Device;
import dev.gust.runtime.device.DeviceId;
import dev.gust.runtime.device.DeviceOptions;
import dev.gust.runtime.kernel.KernelDevice;
import dev.gust.runtime.kernel.KernelTimes;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.SplittableRandom;

/**
 * The delta step, and diagonal plus low rank, on one device, 32 heads of 128 × 128: decoding one token of 64 sequences and of one, beside a copy of the
 * device's memory, and prompts in chunks of 64. Outputs are checked against the jvm device's, token by token: all when
 * decoding, and the first {@value #TOKENS_CHECKED} tokens of a prompt.
 */
final class DeviceAttention {
    private static final int HEADS = 32;
    private static final int DIM = 128;
    private static final int TOKENS_CHECKED = 1024;
    /** Kernel times of decoding. */
    private static final int DECODES = 25;

    /** Whole calls of decoding: Java's compilers have to come to rest. */
    private static final int CALLS = 1000;

    /** Calls before the first rule, so that it does not pay for what the compilers do for all. */
    private static final int WARM_UP_CALLS = 5000;

    private static final int PROMPTS = 5;

    private static final float SCALE = (float) (1 / Math.sqrt(DIM));

    private static final Map<String, DeviceStep<?>> RULES = Map.of(
            "simple-gla", delta(Decay.TOKEN, Erase.NONE),
            "gla", delta(Decay.CHANNEL, Erase.NONE),
            "delta", delta(Decay.NONE, Erase.WRITE_KEY),
            "gated-delta", delta(Decay.TOKEN, Erase.WRITE_KEY),
            "kda", delta(Decay.CHANNEL, Erase.WRITE_KEY),
            "rwkv7", new DeviceStep.Dplr(new DplrStep(true, false, SCALE)));

    private DeviceAttention() {}

    private static DeviceStep<?> delta(Decay decay, Erase erase) {
        return new DeviceStep.Delta(DeviceStep.Delta.of(decay, erase, SCALE));
    }

    /**
     * Runs and prints.
     *
     * @param args device, tokens of prompts separated by commas, and rules, each optional: tornado 2048,8192,65536, all
     */
    static void print(String... args) {
        DeviceId id = DeviceId.parse(args.length > 0 ? args[0] : "tornado");
        int[] prompts = Arrays.stream((args.length > 1 ? args[1] : "2048,8192,65536").split(","))
                .mapToInt(Integer::parseInt)
                .toArray();
        List<String> rules = args.length > 2
                ? Arrays.asList(args).subList(2, args.length)
                : List.of("simple-gla", "gla", "delta", "gated-delta", "kda", "rwkv7");
        double copy = 0;
        try (Device device = Devices.open(id, DeviceOptions.defaults().withProfiling(true))) {
            System.out.println(device.id() + " " + device.info().name() + ", "
                    + device.info().driver());
            if (device instanceof KernelDevice kernels) {
                copy = DeviceCopy.gigabytesPerSecond(kernels, 1 << 27);
                System.out.printf(Locale.ROOT, "copy %.0f GB/s read and written%n", copy);
            }
        }
        decode(id, step(rules.getFirst()), WARM_UP_CALLS);
        System.out.printf(
                "%-12s %-9s %9s %6s %12s %10s %9s %10s %12s %12s %10s%n",
                "rule",
                "form",
                "sequences",
                "tokens",
                "kernel us",
                "GB/s",
                "of copy",
                "GFLOP/s",
                "call us",
                "recorded us",
                "error");
        for (String rule : rules) {
            DeviceStep<?> step = step(rule);
            row(id, copy, rule, step, Form.RECURRENT, 64, 1);
            row(id, copy, rule, step, Form.RECURRENT, 1, 1);
            for (int tokens : prompts) {
                row(id, copy, rule, step, new Form.Chunked(64), 1, tokens);
            }
        }
    }

    private static DeviceStep<?> step(String rule) {
        DeviceStep<?> step = RULES.get(rule);
        if (step == null) {
            throw new IllegalArgumentException("no rule " + rule + " among " + RULES.keySet());
        }
        return step;
    }

    /** Calls that decode one token of one sequence. */
    private static <X> void decode(DeviceId id, DeviceStep<X> step, int calls) {
        DeltaSizes sizes = DeltaSizes.of(1, 1, HEADS, HEADS, DIM, DIM, HeadMap.INTERLEAVED);
        try (Arena arena = Arena.ofShared();
                Device device = Devices.open(id, DeviceOptions.defaults());
                StatePlan<X> plan = step.prepare(device, sizes, Form.RECURRENT)) {
            X operands = step.operands(new RandomValues(arena, new SplittableRandom(3)), sizes, 1);
            MemorySegment o = arena.allocate(sizes.valueElements(1) * Float.BYTES, 64);
            for (int i = 0; i < calls; i++) {
                plan.run(operands, Sequences.of(1, 1), o);
            }
        }
    }

    private static <X> void row(
            DeviceId id, double copy, String rule, DeviceStep<X> step, Form form, int sequences, int tokens) {
        int all = sequences * tokens;
        DeltaSizes sizes = DeltaSizes.of(all, sequences, HEADS, HEADS, DIM, DIM, HeadMap.INTERLEAVED);
        boolean decodes = form instanceof Form.Recurrent;
        try (Arena arena = Arena.ofShared()) {
            var values = new RandomValues(arena, new SplittableRandom(3));
            X operands = step.operands(values, sizes, all);
            MemorySegment o = arena.allocate(sizes.valueElements(all) * Float.BYTES, 64);
            MemorySegment states = values.of(sizes.stateElements(sequences));
            Sequences where = Sequences.of(sequences, tokens);
            DeviceOptions options = DeviceOptions.defaults();
            int rounds = decodes ? DECODES : PROMPTS;
            double kernel = median(
                    id, options.withProfiling(true), step, sizes, form, operands, where, states, o, rounds, true);
            int calls = decodes ? CALLS : PROMPTS;
            double call = median(id, options, step, sizes, form, operands, where, states, o, calls, false);
            double recorded = median(
                    id, options.withRecording(true), step, sizes, form, operands, where, states, o, calls, false);
            double error = error(id, step, sizes, form, operands, sequences, Math.min(tokens, TOKENS_CHECKED), states);
            double bytes = 2.0 * sizes.stateElements(sequences) * Float.BYTES;
            double flops = step.operations() * all * HEADS * DIM * DIM;
            System.out.printf(
                    Locale.ROOT,
                    "%-12s %-9s %9d %6d %12.1f %10s %9s %10.0f %12.1f %12.1f %10.1e%n",
                    rule,
                    decodes ? "recurrent" : "chunk",
                    sequences,
                    tokens,
                    kernel / 1e3,
                    decodes && kernel > 0 ? Math.round(bytes / kernel) : "",
                    decodes && kernel > 0 && copy > 0 ? Math.round(100 * bytes / kernel / copy) + "%" : "",
                    kernel > 0 ? flops / kernel : 0,
                    call / 1e3,
                    recorded / 1e3,
                    error);
        }
    }

    private static <X> double median(
            DeviceId id,
            DeviceOptions options,
            DeviceStep<X> step,
            DeltaSizes sizes,
            Form form,
            X operands,
            Sequences where,
            MemorySegment states,
            MemorySegment o,
            int rounds,
            boolean kernel) {
        try (Device device = Devices.open(id, options);
                StatePlan<X> plan = step.prepare(device, sizes, form)) {
            plan.loadStates(states);
            long[] nanos = new long[rounds];
            for (int i = -2; i < rounds; i++) {
                KernelTimes times = plan.run(operands, where, o);
                if (i >= 0) {
                    nanos[i] = kernel ? times.kernel() : times.total();
                }
            }
            // Of the second half, when all is warm.
            nanos = Arrays.copyOfRange(nanos, rounds / 2, rounds);
            Arrays.sort(nanos);
            return nanos[nanos.length / 2];
        }
    }

    /** RMSE / RMS of the outputs of a first call against the jvm device's. */
    private static <X> double error(
            DeviceId id,
            DeviceStep<X> step,
            DeltaSizes sizes,
            Form form,
            X operands,
            int sequences,
            int tokens,
            MemorySegment states) {
        int all = sequences * tokens;
        X checked = step.first(operands, sizes, all);
        DeltaSizes some = DeltaSizes.of(all, sequences, HEADS, HEADS, DIM, DIM, HeadMap.INTERLEAVED);
        try (Arena arena = Arena.ofShared()) {
            MemorySegment got = outputs(arena, id, step, some, form, checked, sequences, tokens, states);
            MemorySegment expected = outputs(
                    arena, DeviceId.parse("jvm"), step, some, Form.RECURRENT, checked, sequences, tokens, states);
            double squaredError = 0;
            double squares = 0;
            for (long i = 0; i < sizes.valueElements(all); i++) {
                double want = expected.getAtIndex(ValueLayout.JAVA_FLOAT, i);
                double difference = got.getAtIndex(ValueLayout.JAVA_FLOAT, i) - want;
                squaredError += difference * difference;
                squares += want * want;
            }
            return Math.sqrt(squaredError / squares);
        }
    }

    private static <X> MemorySegment outputs(
            Arena arena,
            DeviceId id,
            DeviceStep<X> step,
            DeltaSizes sizes,
            Form form,
            X operands,
            int sequences,
            int tokens,
            MemorySegment states) {
        MemorySegment o = arena.allocate(sizes.valueElements((long) sequences * tokens) * Float.BYTES, 64);
        o.fill((byte) 0xFF); // NaN: what is not written shows
        try (Device device = Devices.open(id, DeviceOptions.defaults());
                StatePlan<X> plan = step.prepare(device, sizes, form)) {
            plan.loadStates(states);
            plan.run(operands, Sequences.of(sequences, tokens), o);
        }
        return o;
    }
}
