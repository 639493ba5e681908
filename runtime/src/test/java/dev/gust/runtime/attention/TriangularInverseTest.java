package dev.gust.runtime.attention;

import static org.assertj.core.api.Assertions.assertThat;

import dev.gust.runtime.attention.DeltaStep.Decay;
import dev.gust.runtime.attention.DeltaStep.Erase;
import dev.gust.runtime.attention.DeltaStep.Normalize;
import dev.gust.runtime.attention.DeltaStep.Read;
import dev.gust.runtime.attention.TunedChunkKernels.ChunkScratch;
import dev.gust.runtime.device.CopyCounter;
import dev.gust.runtime.emulator.EmulatorDevice;
import dev.gust.runtime.kernel.Grid;
import dev.gust.runtime.kernel.KernelCall;
import dev.gust.runtime.kernel.KernelPlan;
import dev.gust.runtime.kernel.KernelProgram;
import dev.gust.runtime.kernel.NativeArrays;
import java.util.List;
import java.util.random.RandomGenerator;
import java.util.random.RandomGeneratorFactory;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * The inverse of I + L that a chunk's writes need, where keys are alike and strengths go up to 2: what the tuned kernel
 * makes of it, beside the powers of L that other kernels multiply.
 */
class TriangularInverseTest {
    private static final int N = 64;
    private static final int K = 128;

    /**
     * @param noise by how much keys differ from one another
     * @param block the blocks that powers are taken of: 16 with merging, or all 64
     * @param powers the least error of the powers
     */
    @ParameterizedTest
    @CsvSource({
        "10, 1, 16, 0",
        "1, 1, 64, 1",
        "0.3, 0.95, 64, 1",
        "0.03, 1, 16, 1e-5",
        "0.1, 1.9, 16, 1e-3",
        "0.1, 2, 16, 1e-2"
    })
    void forwardSubstitutionKeepsItsDigits(double noise, float beta, int block, double powers) {
        double[][] l = strictlyLower(noise, beta);
        double[][] exact = inverse(l);
        assertThat(error(kernel(l, beta), exact)).as("the kernel").isLessThan(1e-4);
        assertThat(error(byPowers(l, block), exact)).as("powers").isGreaterThanOrEqualTo(powers);
    }

    /** beta k_i · k_j for j below i, in float32. */
    private static double[][] strictlyLower(double noise, float beta) {
        RandomGenerator random = RandomGeneratorFactory.of("L64X128MixRandom").create(11);
        double[] common = new double[K];
        for (int d = 0; d < K; d++) {
            common[d] = random.nextGaussian();
        }
        double[][] keys = new double[N][K];
        for (double[] key : keys) {
            double squares = 0;
            for (int d = 0; d < K; d++) {
                key[d] = common[d] + noise * random.nextGaussian();
                squares += key[d] * key[d];
            }
            for (int d = 0; d < K; d++) {
                key[d] /= Math.sqrt(squares);
            }
        }
        double[][] l = new double[N][N];
        for (int i = 0; i < N; i++) {
            for (int j = 0; j < i; j++) {
                double sum = 0;
                for (int d = 0; d < K; d++) {
                    sum += keys[i][d] * keys[j][d];
                }
                // The kernel multiplies by beta itself.
                l[i][j] = beta * (float) sum;
            }
        }
        return l;
    }

    /** What the kernel makes of the identity: U = X beta. */
    private static double[][] kernel(double[][] l, float beta) {
        var arrays = new NativeArrays(new CopyCounter());
        var step = new DeltaStep(Decay.NONE, Erase.WRITE_KEY, true, Read.AFTER, Normalize.EACH, 1);
        var a = DeltaArrays.of(step, DeltaSizes.of(N, 1, 1, 1, 1, N, HeadMap.INTERLEAVED), new Form.Chunked(N), arrays);
        a.place(new Sequences(0, N), new boolean[1]);
        var scratch = new ChunkScratch(
                arrays.floats(2L * a.mostChunks() * N * N),
                arrays.floats(1),
                arrays.floats(1),
                arrays.floats(N),
                arrays.floats((long) N * N),
                arrays.floats(1));
        for (int i = 0; i < N; i++) {
            a.beta().set(i, beta);
            scratch.erasers().set(i, 0);
            for (int j = 0; j < N; j++) {
                a.v().set(i * N + j, i == j ? 1 : 0);
                scratch.pairs().set(i * N + j, (float) (l[i][j] / beta));
            }
        }
        var call = KernelCall.tuned("solve", new TunedChunkKernels.Solve(a, scratch), Grid.ofGroups(1, 256));
        var program = new KernelProgram(
                "solve",
                List.of(call),
                List.of(a.shape(), a.chunks(), a.v(), a.beta(), scratch.pairs(), scratch.erasers()),
                List.of(),
                List.of(scratch.targets()));
        double[][] x = new double[N][N];
        try (var device = new EmulatorDevice();
                KernelPlan plan = device.prepare(program)) {
            plan.execute();
            for (int i = 0; i < N; i++) {
                for (int j = 0; j < N; j++) {
                    x[i][j] = scratch.targets().get(i * N + j) / beta;
                }
            }
        }
        return x;
    }

    /** The inverse in float64, column by column. */
    private static double[][] inverse(double[][] l) {
        double[][] x = new double[N][N];
        for (int j = 0; j < N; j++) {
            for (int i = j; i < N; i++) {
                double sum = i == j ? 1 : 0;
                for (int m = j; m < i; m++) {
                    sum -= l[i][m] * x[m][j];
                }
                x[i][j] = sum;
            }
        }
        return x;
    }

    /** (I − L)(I + L²)(I + L⁴)… of the diagonal blocks, merged by rows of blocks, in float32. */
    private static double[][] byPowers(double[][] l, int block) {
        float[][] x = new float[N][N];
        for (int at = 0; at < N; at += block) {
            float[][] power = new float[block][block];
            float[][] inverse = new float[block][block];
            for (int i = 0; i < block; i++) {
                for (int j = 0; j < block; j++) {
                    power[i][j] = (float) -l[at + i][at + j];
                    inverse[i][j] = power[i][j] + (i == j ? 1 : 0);
                }
            }
            for (int done = 2; done < block; done *= 2) {
                power = product(power, power);
                float[][] more = product(inverse, power);
                for (int i = 0; i < block; i++) {
                    for (int j = 0; j < block; j++) {
                        inverse[i][j] += more[i][j];
                    }
                }
            }
            // X_b,left = −X_bb L_b,left X_left
            for (int j = 0; j < at; j++) {
                float[] below = new float[block];
                for (int i = 0; i < block; i++) {
                    for (int m = j; m < at; m++) {
                        below[i] += (float) l[at + i][m] * x[m][j];
                    }
                }
                for (int i = 0; i < block; i++) {
                    float sum = 0;
                    for (int m = 0; m < block; m++) {
                        sum -= inverse[i][m] * below[m];
                    }
                    x[at + i][j] = sum;
                }
            }
            for (int i = 0; i < block; i++) {
                System.arraycopy(inverse[i], 0, x[at + i], at, block);
            }
        }
        double[][] wide = new double[N][N];
        for (int i = 0; i < N; i++) {
            for (int j = 0; j < N; j++) {
                wide[i][j] = x[i][j];
            }
        }
        return wide;
    }

    private static float[][] product(float[][] a, float[][] b) {
        float[][] c = new float[a.length][a.length];
        for (int i = 0; i < a.length; i++) {
            for (int m = 0; m < a.length; m++) {
                for (int j = 0; j < a.length; j++) {
                    c[i][j] += a[i][m] * b[m][j];
                }
            }
        }
        return c;
    }

    /** The largest error beside the largest element. */
    private static double error(double[][] got, double[][] expected) {
        double worst = 0;
        double most = 0;
        for (int i = 0; i < N; i++) {
            for (int j = 0; j < N; j++) {
                double difference = Math.abs(got[i][j] - expected[i][j]);
                worst = Math.max(worst, Double.isNaN(difference) ? Double.POSITIVE_INFINITY : difference);
                most = Math.max(most, Math.abs(expected[i][j]));
            }
        }
        return worst / most;
    }
}
