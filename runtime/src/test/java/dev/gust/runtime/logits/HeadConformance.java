package dev.gust.runtime.logits;

import static org.assertj.core.api.Assertions.assertThat;

import dev.gust.runtime.device.Device;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.TreeSet;
import java.util.stream.IntStream;

/** Compares a device's heads with {@link ReferenceHead}. */
final class HeadConformance {
    /** Screens may round scores by this much of the largest: then which tokens they find may differ. */
    private static final double SCREEN_SLACK = 0.02;

    private HeadConformance() {}

    /** Runs {@code m} hidden states and checks ids and logits. */
    static void check(Device device, VqHead head, HeadOptions options, int m, int k, long seed) {
        MemorySegment h = SampleHeads.floats(SampleHeads.gaussian(m * head.d(), new SplittableRandom(seed)));
        try (HeadPlan plan = VqLogits.prepare(device, head, options)) {
            check(plan, head, options, h, m, k);
        }
    }

    static void check(HeadPlan plan, VqHead head, HeadOptions options, MemorySegment h, int m, int k) {
        float[] poison = new float[m * k];
        Arrays.fill(poison, Float.NaN);
        MemorySegment logits = SampleHeads.floats(poison);
        int[] marks = new int[m * k];
        Arrays.fill(marks, -9);
        MemorySegment ids = SampleHeads.ints(marks);
        plan.top(h, m, k, ids, logits);
        double error = 0;
        double squares = 0;
        for (int row = 0; row < m; row++) {
            var reference = reference(head, h, row);
            var got = new ArrayList<Integer>();
            double last = Double.POSITIVE_INFINITY;
            for (int i = 0; i < k; i++) {
                int id = ids.getAtIndex(ValueLayout.JAVA_INT, (long) row * k + i);
                float logit = logits.getAtIndex(ValueLayout.JAVA_FLOAT, (long) row * k + i);
                assertThat(id).as("id %d of row %d", i, row).isBetween(0, head.v() - 1);
                assertThat(logit).as("logit %d of row %d", i, row).isLessThanOrEqualTo((float) last);
                if (logit == last) {
                    assertThat(id).as("ties of row %d", row).isGreaterThan(got.getLast());
                }
                double expected =
                        options.search() == HeadOptions.Search.CODEBOOK ? reference.screened(id) : reference.exact(id);
                error += (expected - logit) * (expected - logit);
                squares += expected * expected;
                last = logit;
                got.add(id);
            }
            assertThat(new TreeSet<>(got)).as("distinct ids").hasSize(k);
            checkIds(reference, options, k, got);
        }
        if (m > 0) {
            assertThat(Math.sqrt(error / squares)).isLessThan(VqLogits.TOLERANCE);
        }
    }

    static ReferenceHead reference(VqHead head, MemorySegment h, int row) {
        return new ReferenceHead(
                head,
                IntStream.range(0, head.d())
                        .mapToDouble(i -> h.getAtIndex(ValueLayout.JAVA_FLOAT, (long) row * head.d() + i))
                        .toArray());
    }

    private static void checkIds(ReferenceHead reference, HeadOptions options, int k, List<Integer> got) {
        VqHead head = reference.head();
        var call = new HeadCall(head, options);
        if (options.search() == HeadOptions.Search.CODEBOOK) {
            assertSame(got, reference.byScreen().subList(0, k), reference::screened, 1e-5);
            return;
        }
        if (!call.reranks()) {
            assertSame(got, reference.byLogit().subList(0, k), reference::exact, 1e-5);
            return;
        }
        Set<Integer> candidates;
        if (call.probes()) {
            candidates = reference.probed(call.probeCount(), k);
        } else {
            candidates = new TreeSet<>(reference.byScreen().subList(0, call.wanted(k)));
            // Where the screen's rounding decides who is the last, both are right.
            List<Integer> order = reference.byScreen();
            double edge = reference.screened(order.get(call.wanted(k) - 1));
            double most = Math.abs(reference.screened(order.getFirst())) + Math.abs(edge);
            for (int id : got) {
                if (!options.special().contains(id)) {
                    assertThat(reference.screened(id)).isGreaterThanOrEqualTo(edge - SCREEN_SLACK * most);
                }
            }
            candidates.removeIf(id -> reference.screened(id) < edge + SCREEN_SLACK * most && !got.contains(id));
            candidates.addAll(got);
        }
        candidates.addAll(options.special());
        assertSame(got, reference.best(candidates, k), reference::exact, 1e-5);
    }

    /** The same ids, but for neighbours whose values differ by rounding only. */
    private static void assertSame(
            List<Integer> got, List<Integer> expected, java.util.function.IntToDoubleFunction value, double tolerance) {
        assertThat(got).hasSameSizeAs(expected);
        for (int i = 0; i < got.size(); i++) {
            if (!got.get(i).equals(expected.get(i))) {
                double a = value.applyAsDouble(got.get(i));
                double b = value.applyAsDouble(expected.get(i));
                assertThat(a)
                        .as("token %d instead of %d at %d", got.get(i), expected.get(i), i)
                        .isCloseTo(b, org.assertj.core.data.Offset.offset(tolerance * (1 + Math.abs(b))));
            }
        }
    }
}
