package dev.gust.runtime.logits;

import static org.assertj.core.api.Assertions.assertThat;

import dev.gust.formats.vqhead.HeadMethod;
import dev.gust.runtime.device.Device;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.List;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.TreeSet;

/** Checks what a device gives for {@link HeadPlan#logits}. */
final class AllLogits {
    private static final int M = 2;

    private AllLogits() {}

    static void check(Device device, HeadMethod method, HeadOptions.Search search) {
        VqHead head = SampleHeads.of(method, 301, 20, 12);
        int special = 77;
        HeadOptions options =
                HeadOptions.DEFAULT.with(search).withRerank(3).withProbes(2).withSpecial(List.of(special));
        MemorySegment h = SampleHeads.floats(SampleHeads.gaussian(M * head.d(), new SplittableRandom(4)));
        MemorySegment logits = SampleHeads.floats(new float[M * head.v()]);
        logits.fill((byte) 0xFF); // NaN: what is not written shows
        try (HeadPlan plan = VqLogits.prepare(device, head, options)) {
            plan.logits(h, M, logits);
        }
        var call = new HeadCall(head, options);
        for (int row = 0; row < M; row++) {
            ReferenceHead reference = HeadConformance.reference(head, h, row);
            double most = Math.abs(reference.screened(reference.byScreen().getFirst()));
            Set<Integer> exact = call.probes()
                    ? reference.probed(2, 1)
                    : new TreeSet<>(reference.byScreen().subList(0, call.reranks() ? 1 : 0));
            exact.addAll(call.reranks() ? List.of(special) : List.of());
            for (int token = 0; token < head.v(); token++) {
                float got = logits.getAtIndex(ValueLayout.JAVA_FLOAT, (long) row * head.v() + token);
                double full = reference.exact(token);
                double screened = search == HeadOptions.Search.EXACT ? full : reference.screened(token);
                boolean isExact = Math.abs(got - full) < 1e-4 * (1 + Math.abs(full));
                if (exact.contains(token)) {
                    assertThat(isExact)
                            .as("token %d: %f for %f", token, got, full)
                            .isTrue();
                } else if (call.probes()) {
                    assertThat(got).isEqualTo(Float.NEGATIVE_INFINITY);
                } else if (!isExact) {
                    assertThat(Math.abs(got - screened))
                            .as("token %d: %f for %f", token, got, screened)
                            .isLessThan((call.reranks() ? 0.02 : 1e-4) * (1 + most));
                }
            }
        }
    }
}
