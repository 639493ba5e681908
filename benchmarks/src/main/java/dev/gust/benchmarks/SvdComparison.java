package dev.gust.benchmarks;

import dev.gust.quantization.lowrank.Decomposer;
import dev.gust.quantization.lowrank.DenseAlgebra;
import dev.gust.quantization.lowrank.EjmlAlgebra;
import dev.gust.quantization.lowrank.FloatMatrix;
import dev.gust.quantization.lowrank.Svd;
import dev.gust.quantization.lowrank.SvdOptions;
import dev.gust.runtime.Devices;
import dev.gust.runtime.device.Device;
import dev.gust.runtime.device.DeviceId;
import java.lang.foreign.Arena;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.SplittableRandom;

/** The randomized decomposition beside the library's own of the same matrix, in the same run. */
final class SvdComparison {
    private static final int ROUNDS = 5;

    private SvdComparison() {}

    /**
     * Takes {@code [N [RANK [DEVICE [noise]]]]}, by default 2048, 128, jvm and a matrix whose singular values fall; noise
     * is what is hardest to sketch.
     */
    static void print(String... args) {
        int n = args.length > 0 ? Integer.parseInt(args[0]) : 2048;
        int rank = args.length > 1 ? Integer.parseInt(args[1]) : 128;
        DeviceId id = args.length > 2 ? DeviceId.parse(args[2]) : DeviceId.JVM;
        boolean noise = args.length > 3 && args[3].equals("noise");
        try (Arena memory = Arena.ofShared();
                Device device = Devices.open(id)) {
            FloatMatrix w = FloatMatrix.allocate(n, n, memory);
            var random = new SplittableRandom(1);
            for (long i = 0; i < (long) n * n; i++) {
                double size = noise ? 1 : 1 / Math.sqrt(i % n + 1.0); // of a column: so singular values fall
                w.values().setAtIndex(ValueLayout.JAVA_FLOAT, i, (float) (size * random.nextGaussian()));
            }
            var libraries = new LinkedHashMap<String, DenseAlgebra>();
            libraries.put("EJML", new EjmlAlgebra());
            libraries.put(DenseAlgebra.best().name(), DenseAlgebra.best());
            System.out.printf(
                    "[%d, %d] to rank %d on %s, %d processors%n",
                    n, n, rank, device.id(), Runtime.getRuntime().availableProcessors());
            System.out.println("| library | full | randomized | times as fast | error beside the least |");
            System.out.println("|---|---|---|---|---|");
            for (DenseAlgebra library : libraries.values()) {
                var decomposer = new Decomposer(device, library, SvdOptions.DEFAULT, 0);
                double[] sketched = new double[ROUNDS];
                Svd last = decomposer.svd(w, rank);
                for (int i = 0; i < ROUNDS; i++) {
                    long start = System.nanoTime();
                    last = decomposer.svd(w, rank);
                    sketched[i] = (System.nanoTime() - start) / 1e9;
                }
                Arrays.sort(sketched);
                long start = System.nanoTime();
                double[] all = library.svd(w.small()).s();
                double full = (System.nanoTime() - start) / 1e9;
                double total = w.energy();
                System.out.printf(
                        "| %s | %.1f s | %.2f s | %.0f | %.4f |%n",
                        library.name(),
                        full,
                        sketched[ROUNDS / 2],
                        full / sketched[ROUNDS / 2],
                        Math.sqrt((total - squares(last.s(), rank)) / (total - squares(all, rank))));
            }
        }
    }

    private static double squares(double[] s, int count) {
        double sum = 0;
        for (int i = 0; i < count; i++) {
            sum += s[i] * s[i];
        }
        return sum;
    }
}
