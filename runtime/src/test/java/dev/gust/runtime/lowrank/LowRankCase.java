package dev.gust.runtime.lowrank;

import static org.assertj.core.api.Assertions.assertThat;

import dev.gust.runtime.device.Device;
import dev.gust.runtime.lowrank.LowRankReference.Matrix;
import dev.gust.runtime.matmul.MatmulOptions;
import dev.gust.runtime.matmul.MatmulPlan;
import dev.gust.runtime.matmul.SampleWeights;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.UnaryOperator;

/**
 * A product with its reference.
 *
 * @param name for the test's name
 * @param tokens T
 * @param inputs N
 * @param outputs M
 * @param prepare makes the plan
 * @param reference one token's y of its x
 */
record LowRankCase(
        String name, int tokens, int inputs, int outputs, Prepare prepare, UnaryOperator<double[]> reference) {
    /** Largest relative error. */
    static final double TOLERANCE = 1e-5;

    /** Makes the plan of a case. */
    interface Prepare {
        MatmulPlan on(Device device, MatmulOptions options);
    }

    @Override
    public String toString() {
        return name;
    }

    /** Runs it over an output that was poisoned, and compares all of it. */
    void check(Device device, MatmulOptions options) {
        MemorySegment x = SampleWeights.gaussian(Arena.ofAuto(), (long) tokens * inputs, 7, 1);
        try (Arena arena = Arena.ofShared();
                MatmulPlan plan = prepare.on(device, options)) {
            for (int round = 0; round < 2; round++) {
                MemorySegment y = arena.allocate(Math.max(4, (long) tokens * outputs * Float.BYTES), 64)
                        .asSlice(0, (long) tokens * outputs * Float.BYTES);
                y.fill((byte) 0xFF);
                plan.multiply(x, tokens, y);
                assertThat(error(x, y)).as(name).isLessThan(TOLERANCE);
            }
        }
    }

    private double error(MemorySegment x, MemorySegment y) {
        double squaredError = 0;
        double squares = 0;
        for (int t = 0; t < tokens; t++) {
            double[] row = new double[inputs];
            for (int j = 0; j < inputs; j++) {
                row[j] = x.getAtIndex(ValueLayout.JAVA_FLOAT, (long) t * inputs + j);
            }
            double[] expected = reference.apply(row);
            for (int i = 0; i < outputs; i++) {
                float got = y.getAtIndex(ValueLayout.JAVA_FLOAT, (long) t * outputs + i);
                assertThat(got).as("%s: y[%d, %d]", name, t, i).isNotNaN();
                squaredError += (expected[i] - got) * (expected[i] - got);
                squares += expected[i] * expected[i];
            }
        }
        return squares == 0 ? Math.sqrt(squaredError) : Math.sqrt(squaredError / squares);
    }

    /** A factored product; forms of a, b and the base, which may be empty. */
    static LowRankCase lowRank(String a, String b, String base, int tokens, int m, int r, int n) {
        SampleWeights.Sample left = SampleWeights.of(a, m, r, 1);
        SampleWeights.Sample right = SampleWeights.of(b, r, n, 2);
        Optional<SampleWeights.Sample> whole =
                base.isEmpty() ? Optional.empty() : Optional.of(SampleWeights.of(base, m, n, 3));
        float scale = base.isEmpty() ? 1 : 0.75f;
        var weight = new FactoredWeight(left.weight(), right.weight(), whole.map(SampleWeights.Sample::weight), scale);
        Matrix wideA = Matrix.of(left.values(), m, r);
        Matrix wideB = Matrix.of(right.values(), r, n);
        Matrix wideW = Matrix.of(whole.map(SampleWeights.Sample::values).orElseGet(() -> new float[m * n]), m, n);
        return new LowRankCase(
                "lowrank " + a + " " + b + " " + base + " T " + tokens + " M " + m + " r " + r + " N " + n,
                tokens,
                n,
                m,
                (device, options) -> LowRankMatmul.prepare(device, weight, options.withIntegerPath(false)),
                x -> LowRankReference.sum(wideW.times(x), wideA.times(wideB.times(x)), scale));
    }

    /** A sparse product; r of 0 for nothing in place of what is left out. */
    static LowRankCase sparse(String form, int tokens, int m, int r, int n, float threshold) {
        SampleWeights.Sample w = SampleWeights.of(form, m, n, 4);
        Optional<SampleWeights.Sample> u = r == 0 ? Optional.empty() : Optional.of(SampleWeights.of(form, m, r, 5));
        Optional<SampleWeights.Sample> v = r == 0 ? Optional.empty() : Optional.of(SampleWeights.of(form, n, r, 6));
        MemorySegment scale = SampleWeights.gaussian(Arena.ofAuto(), n, 9, 1);
        SparseWeight weight = SparseWeight.of(
                w.weight(),
                u.map(SampleWeights.Sample::weight),
                v.map(SampleWeights.Sample::weight),
                scale,
                threshold,
                Arena.ofAuto());
        Matrix wideW = Matrix.of(w.values(), m, n);
        Matrix wideU = Matrix.of(u.map(SampleWeights.Sample::values).orElseGet(() -> new float[0]), m, r);
        Matrix wideV = Matrix.of(v.map(SampleWeights.Sample::values).orElseGet(() -> new float[0]), n, r);
        float[] scales = scale.toArray(ValueLayout.JAVA_FLOAT);
        return new LowRankCase(
                "sparse " + form + " T " + tokens + " M " + m + " r " + r + " N " + n + " above " + threshold,
                tokens,
                n,
                m,
                (device, options) -> SparseMatmul.prepare(device, weight, options),
                x -> LowRankReference.sparse(wideW, wideU, wideV, scales, threshold, x));
    }

    /** A product by l blocks [s, r] and k blocks [q, p]. */
    static LowRankCase monarch(String form, int tokens, int l, int s, int r, int k, int q, int p) {
        SampleWeights.Sample left = SampleWeights.of(form, l * s, r, 10);
        SampleWeights.Sample right = SampleWeights.of(form, k * q, p, 11);
        var weight = new MonarchWeight(left.weight(), l, right.weight(), k);
        Matrix wideL = Matrix.of(left.values(), l * s, r);
        Matrix wideR = Matrix.of(right.values(), k * q, p);
        return new LowRankCase(
                "monarch " + form + " T " + tokens + " L " + l + " x " + s + " x " + r + " R " + k + " x " + q + " x "
                        + p,
                tokens,
                k * p,
                l * s,
                (device, options) -> MonarchMatmul.prepare(device, weight, options),
                x -> LowRankReference.monarch(wideL, l, wideR, k, x));
    }

    /** All of them: odd sizes, one of everything, no token, more tokens than a plan has room for, all and no channels. */
    static List<LowRankCase> all() {
        var cases = new ArrayList<LowRankCase>();
        for (String form : List.of("F32", "F16", "BF16")) {
            cases.add(lowRank(form, form, "", 1, 1, 1, 1));
            cases.add(lowRank(form, form, "", 1, 13, 1, 37));
            cases.add(lowRank(form, form, "", 3, 30, 7, 66));
            cases.add(lowRank(form, form, "", 6, 9, 140, 12));
            cases.add(lowRank(form, form, form, 2, 13, 4, 67));
            cases.add(lowRank(form, form, form, 5, 70, 33, 40));
            cases.add(sparse(form, 1, 1, 1, 1, 0.2f));
            cases.add(sparse(form, 1, 37, 5, 301, 0.4f));
            cases.add(sparse(form, 3, 300, 9, 65, 0.6f));
            cases.add(monarch(form, 1, 4, 4, 4, 4, 4, 4));
            cases.add(monarch(form, 3, 6, 7, 2, 3, 4, 5));
        }
        cases.add(lowRank("F32", "F32", "F32", 0, 5, 2, 7));
        cases.add(lowRank("F32", "F16", "nvfp4", 1, 9, 5, 64));
        cases.add(lowRank("nvfp4", "nvfp4", "", 1, 20, 32, 64));
        cases.add(lowRank("nvfp4", "fp8", "int8", 5, 20, 16, 64));
        cases.add(lowRank("mxfp4", "gguf Q8_0", "BF16", 2, 9, 32, 64));
        cases.add(sparse("F32", 0, 5, 2, 7, 0));
        cases.add(sparse("F32", 2, 10, 3, 40, Float.POSITIVE_INFINITY));
        cases.add(sparse("F32", 2, 10, 3, 40, -1));
        cases.add(sparse("F32", 17, 10, 3, 40, 0.5f));
        cases.add(sparse("F16", 2, 7, 0, 40, 0.5f));
        cases.add(monarch("F32", 0, 2, 3, 2, 2, 2, 3));
        cases.add(monarch("F32", 1, 1, 9, 5, 1, 5, 7));
        cases.add(monarch("F32", 33, 3, 1, 2, 2, 3, 1));
        return cases;
    }

    /** Those that go through different kernels on a device, where compiling one takes long. */
    static List<LowRankCase> few() {
        return List.of(
                lowRank("F32", "F32", "", 1, 13, 5, 37),
                lowRank("BF16", "BF16", "F16", 3, 13, 6, 64),
                lowRank("nvfp4", "nvfp4", "BF16", 5, 20, 32, 64),
                sparse("F32", 1, 37, 5, 301, 0.4f),
                sparse("F16", 3, 300, 4, 66, 0.4f),
                sparse("BF16", 1, 7, 0, 40, 0.5f),
                monarch("F32", 1, 4, 4, 4, 4, 4, 4),
                monarch("BF16", 3, 6, 7, 2, 3, 4, 5));
    }
}
