package dev.gust.benchmarks;

import dev.gust.runtime.device.Device;
import dev.gust.runtime.kernel.KernelTimes;
import dev.gust.runtime.lowrank.FactoredWeight;
import dev.gust.runtime.lowrank.LoraAdapter;
import dev.gust.runtime.lowrank.LoraBatch;
import dev.gust.runtime.lowrank.LoraPlan;
import dev.gust.runtime.lowrank.LoraWeight;
import dev.gust.runtime.lowrank.LowRankMatmul;
import dev.gust.runtime.lowrank.MonarchMatmul;
import dev.gust.runtime.lowrank.MonarchWeight;
import dev.gust.runtime.lowrank.SparseMatmul;
import dev.gust.runtime.lowrank.SparseWeight;
import dev.gust.runtime.matmul.MatmulForm;
import dev.gust.runtime.matmul.MatmulOptions;
import dev.gust.runtime.matmul.MatmulPlan;
import dev.gust.runtime.matmul.QuantizedMatmul;
import dev.gust.runtime.weight.LinearWeight;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.function.ToDoubleFunction;

/**
 * A product to measure.
 *
 * @param name for the table
 * @param tokens T
 * @param inputs N
 * @param outputs M
 * @param weightBytes what has to be read of weights for an x
 * @param prepare makes it ready
 * @param reference the same in float64
 */
record LowRankProduct(
        String name,
        int tokens,
        int inputs,
        int outputs,
        ToDoubleFunction<MemorySegment> weightBytes,
        Prepare prepare,
        Reference reference) {
    private static final int ADAPTERS = 32;
    private static final int ADAPTER_RANK = 16;

    /** Makes a product ready on a device. */
    interface Prepare {
        Runner on(Device device);
    }

    /** A product that is ready. */
    interface Runner extends AutoCloseable {
        KernelTimes run(MemorySegment x, MemorySegment y);

        @Override
        void close();
    }

    /** Rows of y. */
    interface Rows {
        double at(int row);
    }

    /** The product for one token. */
    interface Reference {
        Rows of(int token, double[] x);
    }

    double bytes(MemorySegment x) {
        return weightBytes.applyAsDouble(x);
    }

    /** The dense product first, for the others to be compared with. */
    static List<LowRankProduct> all(MatmulForm form, int m, int n) {
        int even = (int) ((long) m * n / (m + n));
        return List.of(
                dense(form, m, n),
                factored(form, m, n, even, "rank " + even + " (even)"),
                factored(form, m, n, even / 2, "rank " + even / 2),
                factored(form, m, n, even / 8, "rank " + even / 8),
                sparse(form, m, n, 0.5),
                sparse(form, m, n, 0.8),
                lora(form, m, n),
                monarch(form, n));
    }

    private static Runner of(MatmulPlan plan, int tokens) {
        return new Runner() {
            @Override
            public KernelTimes run(MemorySegment x, MemorySegment y) {
                return plan.multiply(x, tokens, y);
            }

            @Override
            public void close() {
                plan.close();
            }
        };
    }

    private static LowRankProduct dense(MatmulForm form, int m, int n) {
        LinearWeight w = SyntheticWeight.of(form, m, n);
        return new LowRankProduct(
                "dense",
                1,
                n,
                m,
                _ -> w.byteSize(),
                device -> of(QuantizedMatmul.prepare(device, w, MatmulOptions.DEFAULT), 1),
                (_, x) -> row -> inner(SyntheticWeight.row(w, row), x));
    }

    private static LowRankProduct factored(MatmulForm form, int m, int n, int rank, String name) {
        FactoredWeight weight = FactoredWeight.of(SyntheticWeight.of(form, m, rank), SyntheticWeight.of(form, rank, n));
        return new LowRankProduct(
                name,
                1,
                n,
                m,
                _ -> weight.byteSize(),
                device -> of(LowRankMatmul.prepare(device, weight, MatmulOptions.DEFAULT), 1),
                (_, x) -> {
                    double[] h = times(weight.b(), 0, rank, x);
                    return row -> inner(SyntheticWeight.row(weight.a(), row), h);
                });
    }

    /** Columns that are left out are replaced by rank N / 16. */
    private static LowRankProduct sparse(MatmulForm form, int m, int n, double leftOut) {
        int rank = Math.max(1, n / 16);
        LinearWeight columns = SyntheticWeight.of(form, n, m);
        var factors = new SparseWeight.LowRank(SyntheticWeight.of(form, rank, m), SyntheticWeight.of(form, n, rank));
        float threshold = (float) quantile(n, leftOut);
        MemorySegment ones = Arena.ofAuto().allocate((long) n * Float.BYTES, 64);
        for (int j = 0; j < n; j++) {
            ones.setAtIndex(ValueLayout.JAVA_FLOAT, j, 1);
        }
        var weight = new SparseWeight(columns, Optional.of(factors), ones, threshold);
        double size = (double) columns.byteSize() / ((double) m * n);
        return new LowRankProduct(
                String.format("sparse %.0f %%, rank %d", 100 * leftOut, rank),
                1,
                n,
                m,
                x -> {
                    long active = 0;
                    for (int j = 0; j < n; j++) {
                        active += Math.abs(x.getAtIndex(ValueLayout.JAVA_FLOAT, j)) > threshold ? 1 : 0;
                    }
                    return size * (active * m + (n - active) * rank + (double) m * rank);
                },
                device -> of(SparseMatmul.prepare(device, weight, MatmulOptions.DEFAULT), 1),
                (_, x) -> sparse(weight, x));
    }

    private static Rows sparse(SparseWeight weight, double[] x) {
        int rank = (int) weight.rank();
        double[] y = new double[(int) weight.outFeatures()];
        double[] h = new double[rank];
        SparseWeight.LowRank factors = weight.lowRank().orElseThrow();
        for (int j = 0; j < x.length; j++) {
            boolean active = Math.abs(x[j]) > weight.threshold();
            addTo(active ? y : h, x[j], SyntheticWeight.row(active ? weight.columns() : factors.v(), j));
        }
        for (int k = 0; k < rank; k++) {
            addTo(y, h[k], SyntheticWeight.row(factors.u(), k));
        }
        return row -> y[row];
    }

    /** 32 tokens, each with an adapter of its own. */
    private static LowRankProduct lora(MatmulForm form, int m, int n) {
        var adapters = new ArrayList<LoraAdapter>();
        for (int i = 0; i < ADAPTERS; i++) {
            adapters.add(new LoraAdapter(
                    SyntheticWeight.of(form, m, ADAPTER_RANK), SyntheticWeight.of(form, ADAPTER_RANK, n), 1 + i));
        }
        var weight = new LoraWeight(adapters, Optional.empty());
        MemorySegment ids = Arena.ofAuto().allocate((long) ADAPTERS * Integer.BYTES, 64);
        for (int i = 0; i < ADAPTERS; i++) {
            ids.setAtIndex(ValueLayout.JAVA_INT, i, i);
        }
        double bytes = adapters.stream()
                .mapToDouble(a -> a.a().byteSize() + a.b().byteSize())
                .sum();
        return new LowRankProduct(
                "lora " + ADAPTERS + " x rank " + ADAPTER_RANK,
                ADAPTERS,
                n,
                m,
                _ -> bytes,
                device -> {
                    LoraPlan plan = LoraBatch.prepare(device, weight, MatmulOptions.DEFAULT);
                    return new Runner() {
                        @Override
                        public KernelTimes run(MemorySegment x, MemorySegment y) {
                            return plan.apply(x, ids, ADAPTERS, y);
                        }

                        @Override
                        public void close() {
                            plan.close();
                        }
                    };
                },
                (token, x) -> {
                    LoraAdapter adapter = adapters.get(token);
                    double[] h = times(adapter.b(), 0, ADAPTER_RANK, x);
                    return row -> adapter.scale() * inner(SyntheticWeight.row(adapter.a(), row), h);
                });
    }

    /** The square matrix of N rows, with as many blocks as the root of N, rounded down to a power of two. */
    private static LowRankProduct monarch(MatmulForm form, int n) {
        int blocks = Integer.highestOneBit((int) Math.sqrt(n));
        int size = n / blocks;
        LinearWeight l = SyntheticWeight.of(form, blocks * size, size);
        LinearWeight r = SyntheticWeight.of(form, blocks * size, size);
        var weight = new MonarchWeight(l, blocks, r, blocks);
        return new LowRankProduct(
                "monarch " + blocks + " x " + size,
                1,
                blocks * size,
                blocks * size,
                _ -> l.byteSize() + r.byteSize(),
                device -> of(MonarchMatmul.prepare(device, weight, MatmulOptions.DEFAULT), 1),
                (_, x) -> {
                    double[] z = new double[blocks * size];
                    for (int i = 0; i < z.length; i++) {
                        int block = i / size;
                        z[i] = inner(
                                SyntheticWeight.row(r, i), Arrays.copyOfRange(x, block * size, (block + 1) * size));
                    }
                    return row -> {
                        int block = row % blocks;
                        double[] in = new double[size];
                        for (int a = 0; a < size; a++) {
                            in[a] = z[a * blocks + block];
                        }
                        return inner(SyntheticWeight.row(l, (long) block * size + row / blocks), in);
                    };
                });
    }

    private static double[] times(LinearWeight weight, int first, int count, double[] x) {
        double[] y = new double[count];
        for (int i = 0; i < count; i++) {
            y[i] = inner(SyntheticWeight.row(weight, first + i), x);
        }
        return y;
    }

    private static double inner(float[] row, double[] x) {
        double sum = 0;
        for (int j = 0; j < row.length; j++) {
            sum += row[j] * x[j];
        }
        return sum;
    }

    private static void addTo(double[] sums, double factor, float[] row) {
        for (int i = 0; i < row.length; i++) {
            sums[i] += factor * row[i];
        }
    }

    /** What that share of the x that is measured with does not exceed. */
    private static double quantile(int n, double share) {
        MemorySegment x = Floats.gaussian(Arena.ofAuto(), n, 3);
        double[] sizes = new double[n];
        for (int j = 0; j < n; j++) {
            sizes[j] = Math.abs(x.getAtIndex(ValueLayout.JAVA_FLOAT, j));
        }
        Arrays.sort(sizes);
        return sizes[Math.clamp((int) (share * n) - 1, 0, n - 1)];
    }
}
