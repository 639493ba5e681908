package dev.gust.runtime.matmul;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.gust.runtime.jvm.JvmDevice;
import dev.gust.runtime.matmul.SampleWeights.Sample;
import dev.gust.runtime.weight.LinearWeight;
import dev.gust.runtime.weight.NarrowCode;
import dev.gust.runtime.weight.ScaleType;
import dev.gust.runtime.weight.WeightFormat;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import java.util.concurrent.Callable;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

class JvmMatmulTest {
    private static final MatmulOptions INTEGERS = MatmulOptions.DEFAULT;
    private static final MatmulOptions FLOATS = MatmulOptions.DEFAULT.withIntegerPath(false);

    static List<String> forms() {
        return SampleWeights.forms();
    }

    private static int[] columns(String form) {
        int g = SampleWeights.granularity(form);
        return new int[] {g, 3 * g, g == 1 ? 67 : 5 * g, 1280};
    }

    @ParameterizedTest
    @MethodSource("forms")
    void agreesWithTheRestoredWeight(String form) {
        try (var device = new JvmDevice()) {
            for (int n : new int[] {1, 7, 130}) {
                for (int k : columns(form)) {
                    Sample sample = SampleWeights.of(form, n, k, 42);
                    for (int m : new int[] {0, 1, 2, 3, 5, 17}) {
                        assertThat(MatmulConformance.check(device, sample, m, 7, FLOATS))
                                .as("%s: M %d, N %d, K %d", form, m, n, k)
                                .isLessThan(QuantizedMatmul.TOLERANCE);
                    }
                }
            }
        }
    }

    @ParameterizedTest
    @MethodSource("forms")
    void roundingXCostsWhatEightBitsCost(String form) {
        try (var device = new JvmDevice()) {
            for (int k : columns(form)) {
                Sample sample = SampleWeights.of(form, 130, k, 42);
                for (int m : new int[] {1, 2, 3, 5, 17}) {
                    assertThat(MatmulConformance.check(device, sample, m, 7, INTEGERS))
                            .as("%s: M %d, K %d", form, m, k)
                            .isLessThan(QuantizedMatmul.INTEGER_TOLERANCE);
                }
            }
        }
    }

    /** x of ±127 times a power of two in every block, and integers times it between, loses nothing by rounding. */
    @ParameterizedTest
    @MethodSource("forms")
    void integersAreExactWhereXIs(String form) {
        var random = new SplittableRandom(3);
        try (var device = new JvmDevice()) {
            for (int n : new int[] {1, 7, 130}) {
                for (int k : columns(form)) {
                    MemorySegment x = Arena.ofAuto().allocate(4L * k, 64);
                    for (int i = 0; i < k; i++) {
                        int code = i % 32 == 5 ? -127 : random.nextInt(-127, 128);
                        x.setAtIndex(ValueLayout.JAVA_FLOAT, i, Math.scalb((float) code, i / 32 % 7 - 3));
                    }
                    Sample sample = SampleWeights.of(form, n, k, 42);
                    assertThat(error(device, sample, x, INTEGERS))
                            .as("%s: N %d, K %d", form, n, k)
                            .isLessThan(QuantizedMatmul.TOLERANCE);
                }
            }
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"int8", "gguf Q8_0", "gguf Q4_K", "nvfp4"})
    void zeroAndNotANumberStayWhatTheyAre(String form) {
        Sample sample = SampleWeights.of(form, 5, 256, 1);
        MemorySegment x = Arena.ofAuto().allocate(4 * 256, 64);
        try (var device = new JvmDevice();
                MatmulPlan plan = QuantizedMatmul.prepare(device, sample.weight(), INTEGERS)) {
            MemorySegment y = Arena.ofAuto().allocate(4 * 5, 64);
            plan.multiply(x, 1, y);
            assertThat(y.toArray(ValueLayout.JAVA_FLOAT)).containsOnly(0);
            x.setAtIndex(ValueLayout.JAVA_FLOAT, 100, Float.NaN);
            plan.multiply(x, 1, y);
            assertThat(y.toArray(ValueLayout.JAVA_FLOAT)).containsOnly(Float.NaN);
        }
    }

    @ParameterizedTest
    @ValueSource(floats = {0x1p-90f, 0x1p90f})
    void scalesOfAnySizeAreCarriedThrough(float size) {
        Sample sample = SampleWeights.of("int8", 9, 96, 1);
        LinearWeight weight = sample.weight();
        MemorySegment scales =
                Arena.ofAuto().allocate(weight.scales().byteSize(), 4).copyFrom(weight.scales());
        float[] values = sample.values();
        for (int i = 0; i < 9; i++) {
            scales.setAtIndex(
                    ValueLayout.JAVA_FLOAT, i, i == 4 ? 0 : size * scales.getAtIndex(ValueLayout.JAVA_FLOAT, i));
        }
        for (int i = 0; i < values.length; i++) {
            values[i] *= i / 96 == 4 ? 0 : size;
        }
        var scaled = new LinearWeight("w", 9, 96, weight.format(), weight.codes(), scales, 1);
        MemorySegment x = SampleWeights.gaussian(Arena.ofAuto(), 96, 5, 1);
        try (var device = new JvmDevice()) {
            assertThat(error(device, new Sample(scaled, values), x, FLOATS)).isLessThan(QuantizedMatmul.TOLERANCE);
            assertThat(error(device, new Sample(scaled, values), x, INTEGERS))
                    .isLessThan(QuantizedMatmul.INTEGER_TOLERANCE);
        }
    }

    @Test
    void manyThreadsGetWhatOneGets() throws Exception {
        try (var device = new JvmDevice();
                var callers = Executors.newFixedThreadPool(8)) {
            var calls = new ArrayList<Callable<float[]>>();
            var expected = new ArrayList<float[]>();
            for (String form : List.of("gguf Q4_K", "gguf Q8_0", "fp8", "nvfp4")) {
                Sample sample = SampleWeights.of(form, 700, 1024, 2);
                MatmulPlan plan = QuantizedMatmul.prepare(device, sample.weight(), INTEGERS.withThreads(3));
                for (int caller = 0; caller < 8; caller++) {
                    int m = 1 + caller % 6;
                    MemorySegment x = SampleWeights.gaussian(Arena.ofAuto(), m * 1024L, caller, 1);
                    expected.add(multiply(plan, x, m));
                    for (int i = 0; i < 10; i++) {
                        calls.add(() -> multiply(plan, x, m));
                    }
                }
            }
            List<Future<float[]>> results = callers.invokeAll(calls);
            for (int i = 0; i < results.size(); i++) {
                assertThat(difference(expected.get(i / 10), results.get(i).get()))
                        .isLessThan(QuantizedMatmul.TOLERANCE);
            }
        }
    }

    /** Not bit for bit: the Vector API leaves open in which order lanes are summed, and it changes as code is compiled. */
    private static double difference(float[] expected, float[] got) {
        double errors = 0;
        double squares = 0;
        for (int i = 0; i < expected.length; i++) {
            errors += Math.pow(expected[i] - got[i], 2);
            squares += Math.pow(expected[i], 2);
        }
        return Math.sqrt(errors / squares);
    }

    private static float[] multiply(MatmulPlan plan, MemorySegment x, int m) {
        MemorySegment y = Arena.ofAuto().allocate(m * 700L * Float.BYTES, 64);
        plan.multiply(x, m, y);
        return y.toArray(ValueLayout.JAVA_FLOAT);
    }

    @Test
    void aPlanIsOfNoUseOnceItOrItsDeviceIsClosed() {
        Sample sample = SampleWeights.of("fp8", 3, 8, 1);
        MemorySegment x = Arena.ofAuto().allocate(32, 64);
        MemorySegment y = Arena.ofAuto().allocate(12, 64);
        var device = new JvmDevice();
        MatmulPlan closed = QuantizedMatmul.prepare(device, sample.weight(), FLOATS);
        MatmulPlan open = QuantizedMatmul.prepare(device, sample.weight(), FLOATS);
        closed.close();
        assertThatThrownBy(() -> closed.multiply(x, 1, y)).isInstanceOf(IllegalStateException.class);
        device.close();
        assertThatThrownBy(() -> open.multiply(x, 1, y)).isInstanceOf(IllegalStateException.class);
    }

    @Test
    void aWeightWhoseMemoryIsGoneIsAnErrorAndTheDeviceGoesOn() {
        Sample sample = SampleWeights.of("int8", 4096, 512, 1);
        MemorySegment x = SampleWeights.gaussian(Arena.ofAuto(), 512, 1, 1);
        MemorySegment y = Arena.ofAuto().allocate(4 * 4096, 64);
        try (var device = new JvmDevice()) {
            var arena = Arena.ofShared();
            LinearWeight held = sample.weight();
            MemorySegment codes = arena.allocate(held.codes().byteSize(), 64).copyFrom(held.codes());
            var weight = new LinearWeight("gone", 4096, 512, held.format(), codes, held.scales(), 1);
            MatmulPlan plan = QuantizedMatmul.prepare(device, weight, INTEGERS.withThreads(4));
            plan.multiply(x, 1, y);
            arena.close();
            assertThatThrownBy(() -> plan.multiply(x, 1, y)).isInstanceOf(IllegalStateException.class);
            assertThat(error(device, sample, x, INTEGERS)).isLessThan(QuantizedMatmul.INTEGER_TOLERANCE);
        }
    }

    @Test
    void memoryConfinedToTheCallerIsMultipliedByTheCaller() {
        Sample sample = SampleWeights.of("gguf MXFP4", 1000, 1024, 1);
        try (var device = new JvmDevice();
                Arena confined = Arena.ofConfined()) {
            LinearWeight held = sample.weight();
            MemorySegment codes = confined.allocate(held.codes().byteSize(), 64).copyFrom(held.codes());
            var weight = new LinearWeight("mine", 1000, 1024, held.format(), codes, held.scales(), 1);
            MemorySegment x = SampleWeights.gaussian(confined, 1024, 1, 1);
            assertThat(error(device, new Sample(weight, sample.values()), x, INTEGERS))
                    .isLessThan(QuantizedMatmul.INTEGER_TOLERANCE);
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"gguf Q8_0", "gguf Q4_K", "gguf Q4_0", "gguf MXFP4", "gguf NVFP4"})
    void weightsMayLieOnTheHeapOrInAFile(String form, @TempDir Path folder) throws IOException {
        Sample sample = SampleWeights.of(form, 37, 1280, 1);
        LinearWeight held = sample.weight();
        byte[] bytes = held.codes().toArray(ValueLayout.JAVA_BYTE);
        Path file = Files.write(folder.resolve("weight"), bytes);
        MemorySegment x = SampleWeights.gaussian(Arena.ofAuto(), 1280, 1, 1);
        try (var device = new JvmDevice();
                Arena arena = Arena.ofShared();
                FileChannel channel = FileChannel.open(file)) {
            for (MemorySegment codes : List.of(
                    MemorySegment.ofArray(bytes), channel.map(FileChannel.MapMode.READ_ONLY, 0, bytes.length, arena))) {
                var weight = new LinearWeight("w", 37, 1280, held.format(), codes, held.scales(), 1);
                assertThat(error(device, new Sample(weight, sample.values()), x, INTEGERS))
                        .isLessThan(QuantizedMatmul.INTEGER_TOLERANCE);
            }
        }
    }

    /** A sparse file of more than 2^31 bytes, all zero but for its last element; the whole of it is mapped. */
    @Test
    void rowsBeyondTwoGigabytesAreFound(@TempDir Path folder) throws IOException {
        long k = 1 << 20;
        long n = 2200;
        Path file = folder.resolve("weight");
        try (Arena arena = Arena.ofShared();
                FileChannel channel = FileChannel.open(
                        file,
                        StandardOpenOption.CREATE_NEW,
                        StandardOpenOption.SPARSE,
                        StandardOpenOption.READ,
                        StandardOpenOption.WRITE);
                var device = new JvmDevice()) {
            MemorySegment codes = channel.map(FileChannel.MapMode.READ_WRITE, 0, n * k, arena);
            codes.set(ValueLayout.JAVA_BYTE, n * k - 1, (byte) 3);
            // Only the weight's end is multiplied: reading 2 GB of nothing would prove no more.
            MemorySegment scales = arena.allocate(n * Float.BYTES, 64);
            scales.setAtIndex(ValueLayout.JAVA_FLOAT, n - 1, 2);
            var format = new WeightFormat.Scaled(NarrowCode.I8, ScaleType.F32, 1, k);
            LinearWeight tail = new LinearWeight("big", n, k, format, codes, scales, 1).rows(n - 5, 5);
            MemorySegment x = arena.allocate(k * Float.BYTES, 64);
            x.setAtIndex(ValueLayout.JAVA_FLOAT, k - 1, 4);
            MemorySegment y = arena.allocate(5 * Float.BYTES, 64);
            try (MatmulPlan plan = QuantizedMatmul.prepare(device, tail, FLOATS)) {
                plan.multiply(x, 1, y);
            }
            assertThat(y.toArray(ValueLayout.JAVA_FLOAT)).containsExactly(0, 0, 0, 0, 24);
        }
    }

    private static double error(JvmDevice device, Sample sample, MemorySegment x, MatmulOptions options) {
        int n = (int) sample.weight().n();
        int k = (int) sample.weight().k();
        MemorySegment y = Arena.ofAuto().allocate(4L * n, 64);
        try (MatmulPlan plan = QuantizedMatmul.prepare(device, sample.weight(), options)) {
            plan.multiply(x, 1, y);
        }
        double errors = 0;
        double squares = 0;
        for (int row = 0; row < n; row++) {
            double sum = 0;
            for (int c = 0; c < k; c++) {
                sum += (double) x.getAtIndex(ValueLayout.JAVA_FLOAT, c) * sample.values()[row * k + c];
            }
            double difference = sum - y.getAtIndex(ValueLayout.JAVA_FLOAT, row);
            errors += difference * difference;
            squares += sum * sum;
        }
        return Math.sqrt(errors / squares);
    }
}
