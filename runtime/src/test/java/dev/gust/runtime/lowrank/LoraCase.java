package dev.gust.runtime.lowrank;

import static org.assertj.core.api.Assertions.assertThat;

import dev.gust.runtime.device.Device;
import dev.gust.runtime.lowrank.LowRankReference.Matrix;
import dev.gust.runtime.matmul.MatmulOptions;
import dev.gust.runtime.matmul.SampleWeights;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;

/**
 * Batched LoRA with its reference.
 *
 * @param form how adapters are stored
 * @param base how the base weight is stored; empty for none
 * @param ranks each adapter's rank
 * @param ids each token's adapter
 * @param m M
 * @param n N
 */
record LoraCase(String form, String base, List<Integer> ranks, List<Integer> ids, int m, int n) {

    /** Runs it over a y that holds something, and compares all of it. */
    void check(Device device, MatmulOptions options) {
        var adapters = new ArrayList<LoraAdapter>();
        var a = new ArrayList<Matrix>();
        var b = new ArrayList<Matrix>();
        for (int i = 0; i < ranks.size(); i++) {
            SampleWeights.Sample up = SampleWeights.of(form, m, ranks.get(i), 20 + i);
            SampleWeights.Sample down = SampleWeights.of(form, ranks.get(i), n, 40 + i);
            adapters.add(new LoraAdapter(up.weight(), down.weight(), 0.5f + i));
            a.add(Matrix.of(up.values(), m, ranks.get(i)));
            b.add(Matrix.of(down.values(), ranks.get(i), n));
        }
        Optional<SampleWeights.Sample> whole =
                base.isEmpty() ? Optional.empty() : Optional.of(SampleWeights.of(base, m, n, 60));
        var weight = new LoraWeight(adapters, whole.map(SampleWeights.Sample::weight));
        int tokens = ids.size();
        Arena arena = Arena.ofAuto();
        MemorySegment x = SampleWeights.gaussian(arena, (long) tokens * n, 61, 1);
        MemorySegment y = SampleWeights.gaussian(arena, (long) tokens * m, 62, 1);
        float[] before = y.toArray(ValueLayout.JAVA_FLOAT);
        MemorySegment named = arena.allocateFrom(
                ValueLayout.JAVA_INT, ids.stream().mapToInt(Integer::intValue).toArray());
        try (LoraPlan plan = LoraBatch.prepare(device, weight, options.withIntegerPath(false))) {
            plan.apply(x, named, tokens, y);
        }
        double squaredError = 0;
        double squares = 0;
        for (int t = 0; t < tokens; t++) {
            double[] row = new double[n];
            for (int j = 0; j < n; j++) {
                row[j] = x.getAtIndex(ValueLayout.JAVA_FLOAT, (long) t * n + j);
            }
            double[] expected = new double[m];
            if (whole.isPresent()) {
                expected = Matrix.of(whole.get().values(), m, n).times(row);
            } else {
                for (int i = 0; i < m; i++) {
                    expected[i] = before[t * m + i];
                }
            }
            int id = ids.get(t);
            if (id >= 0) {
                expected =
                        LowRankReference.sum(expected, a.get(id).times(b.get(id).times(row)), 0.5 + id);
            }
            for (int i = 0; i < m; i++) {
                double off = expected[i] - y.getAtIndex(ValueLayout.JAVA_FLOAT, (long) t * m + i);
                squaredError += off * off;
                squares += expected[i] * expected[i];
            }
        }
        double error = squares == 0 ? Math.sqrt(squaredError) : Math.sqrt(squaredError / squares);
        assertThat(error).as("%s", this).isLessThan(LoraBatch.TOLERANCE);
    }

    /** Adapters of differing ranks, some unused, tokens without one, no token, many of one. */
    static List<LoraCase> all() {
        Integer[] many = new Integer[40];
        Arrays.setAll(many, i -> i % 3 - 1);
        var cases = new ArrayList<LoraCase>();
        for (String form : List.of("F32", "F16", "BF16")) {
            cases.add(new LoraCase(form, "", List.of(1, 4, 9), List.of(2, -1, 0, 2, 2), 13, 37));
            cases.add(new LoraCase(form, "nvfp4", List.of(3, 2), List.of(1, -1), 10, 64));
        }
        cases.add(new LoraCase("F32", "", List.of(2), List.of(0), 1, 1));
        cases.add(new LoraCase("F32", "", List.of(2), List.of(-1), 3, 5));
        cases.add(new LoraCase("F32", "", List.of(2), List.of(), 3, 5));
        cases.add(new LoraCase("F32", "F32", List.of(2, 5), List.of(many), 1100, 7));
        return cases;
    }
}
