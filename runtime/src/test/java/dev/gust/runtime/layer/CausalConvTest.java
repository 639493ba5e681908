package dev.gust.runtime.layer;

import static dev.gust.runtime.layer.Samples.room;
import static dev.gust.runtime.layer.Samples.segment;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import dev.gust.formats.InputException;
import dev.gust.formats.UsageException;
import dev.gust.runtime.attention.Sequences;
import dev.gust.runtime.device.Device;
import dev.gust.runtime.emulator.EmulatorDevice;
import dev.gust.runtime.jvm.JvmDevice;
import dev.gust.runtime.scalar.ScalarDevice;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

class CausalConvTest {
    private static final List<Device> DEVICES = List.of(new ScalarDevice(), new JvmDevice(), new EmulatorDevice(2));

    @AfterAll
    static void close() {
        DEVICES.forEach(Device::close);
    }

    static List<ConvConformance.Case> cases() {
        return ConvConformance.cases();
    }

    @ParameterizedTest
    @MethodSource("cases")
    void agreesWithFloat64FromPromptToDecoding(ConvConformance.Case c) {
        DEVICES.forEach(d -> ConvConformance.check(d, c));
    }

    /** flash-linear-attention's issue 88: fewer tokens than the convolution is wide, and then single ones. */
    @Test
    void sequencesShorterThanTheConvolution88() {
        var shorter = new ConvConformance.Case(5, 4, true, true, new Sequences(0, 1, 3, 6));
        DEVICES.forEach(d -> ConvConformance.check(d, shorter));
    }

    /** A layer that masks padding gives the convolution zeros, which are what an empty state holds. */
    @Test
    void paddingOfZerosOnTheLeftIsAnEmptyState() {
        var samples = new Samples(10);
        float[] weight = samples.gaussian(12, 0.5);
        float[] x = samples.gaussian(3 * 9L, 1);
        Arrays.fill(x, 0, 3 * 4, 0);
        for (Device device : DEVICES) {
            try (Arena arena = Arena.ofShared();
                    ConvPlan plan = new CausalConv(3, 4, segment(arena, weight), MemorySegment.NULL, true)
                            .prepare(device, 9, 1)) {
                MemorySegment padded = room(arena, x.length);
                plan.run(segment(arena, x), Sequences.of(1, 9), padded);
                plan.clear(0);
                MemorySegment bare = room(arena, 3 * 5);
                plan.run(segment(arena, Arrays.copyOfRange(x, 3 * 4, x.length)), Sequences.of(1, 5), bare);
                assertThat(padded.asSlice(3 * 4 * 4L).mismatch(bare))
                        .as("%s", device.id())
                        .isEqualTo(-1);
            }
        }
    }

    /** ONNX: present_state and output of two calls, channels first, against ours with the axes swapped. */
    @Test
    void takesTheCallsOfOnnxWithSwappedAxes() {
        int batch = 2;
        int channels = 3;
        int length = 5;
        var samples = new Samples(9);
        float[] input = samples.gaussian((long) batch * channels * length, 1);
        float[] weight = samples.gaussian(channels * 4L, 0.5);
        float[] bias = samples.gaussian(channels, 0.5);
        float[] past = samples.gaussian((long) batch * channels * 3, 1);
        for (Device device : DEVICES) {
            try (Arena arena = Arena.ofShared();
                    ConvPlan plan = new CausalConv(channels, 4, segment(arena, weight), segment(arena, bias), true)
                            .prepare(device, batch * length, batch)) {
                plan.load(segment(arena, past), batch);
                MemorySegment y = room(arena, input.length);
                plan.run(segment(arena, channelsLast(input, batch, channels, length)), Sequences.of(batch, length), y);
                MemorySegment present = room(arena, past.length);
                plan.save(present, batch);
                for (int b = 0; b < batch; b++) {
                    for (int c = 0; c < channels; c++) {
                        for (int t = 0; t < length; t++) {
                            double sum = bias[c];
                            for (int j = 0; j < 4; j++) {
                                int from = t - 3 + j;
                                sum += (double) weight[c * 4 + j]
                                        * (from < 0
                                                ? past[(b * channels + c) * 3 + 3 + from]
                                                : input[(b * channels + c) * length + from]);
                            }
                            double got = y.getAtIndex(ValueLayout.JAVA_FLOAT, (b * length + t) * channels + c);
                            assertThat(got).isCloseTo(sum * Samples.sigmoid(sum), within(1e-5));
                        }
                        for (int j = 0; j < 3; j++) {
                            assertThat(present.getAtIndex(ValueLayout.JAVA_FLOAT, (b * channels + c) * 3 + j))
                                    .isEqualTo(input[(b * channels + c) * length + length - 3 + j]);
                        }
                    }
                }
            }
        }
    }

    private static float[] channelsLast(float[] x, int batch, int channels, int length) {
        float[] y = new float[x.length];
        for (int b = 0; b < batch; b++) {
            for (int c = 0; c < channels; c++) {
                for (int t = 0; t < length; t++) {
                    y[(b * length + t) * channels + c] = x[(b * channels + c) * length + t];
                }
            }
        }
        return y;
    }

    @Test
    void whatDoesNotFitIsSaidBeforeAnythingRuns() {
        try (Arena arena = Arena.ofShared()) {
            MemorySegment w = segment(arena, new float[12]);
            assertThatThrownBy(() -> CausalConv.withSilu(4, 4, w))
                    .isInstanceOf(InputException.class)
                    .hasMessageContaining("'w'")
                    .hasMessageContaining("12 elements where 16")
                    .hasMessageContaining("[D, W]");
            assertThatThrownBy(() -> CausalConv.withSilu(0, 4, w)).isInstanceOf(InputException.class);
            assertThatThrownBy(() -> CausalConv.withSilu(1, 0, w)).isInstanceOf(InputException.class);
            assertThatThrownBy(() -> new CausalConv(3, 4, w, segment(arena, new float[2]), true))
                    .isInstanceOf(InputException.class)
                    .hasMessageContaining("bias");
            MemorySegment spoilt = segment(arena, new float[] {0, Float.NaN, 0});
            assertThatThrownBy(() -> CausalConv.withSilu(3, 1, spoilt))
                    .isInstanceOf(InputException.class)
                    .hasMessageContaining("NaN at element 1");
            CausalConv conv = CausalConv.withSilu(3, 4, w);
            for (Device device : DEVICES) {
                assertThatThrownBy(() -> conv.prepare(device, Integer.MAX_VALUE, 1))
                        .isInstanceOf(UsageException.class);
                try (ConvPlan plan = conv.prepare(device, 2, 1)) {
                    MemorySegment six = segment(arena, new float[6]);
                    MemorySegment nine = segment(arena, new float[9]);
                    assertThatThrownBy(() -> plan.run(nine, Sequences.of(1, 3), nine))
                            .isInstanceOf(InputException.class)
                            .hasMessageContaining("3 tokens");
                    assertThatThrownBy(() -> plan.run(six, new Sequences(0, 1, 2), six))
                            .isInstanceOf(InputException.class);
                    assertThatThrownBy(() -> plan.run(nine, Sequences.of(1, 2), six))
                            .isInstanceOf(InputException.class)
                            .hasMessageContaining("'x'");
                    assertThatThrownBy(() -> plan.load(six, 1))
                            .isInstanceOf(InputException.class)
                            .hasMessageContaining("state");
                    assertThatThrownBy(() -> plan.save(six, 2)).isInstanceOf(InputException.class);
                    assertThatThrownBy(() -> plan.clear(1)).isInstanceOf(InputException.class);
                    assertThat(plan.run(MemorySegment.NULL, Sequences.of(1, 0), MemorySegment.NULL)
                                    .kernel())
                            .isZero();
                    plan.close();
                    assertThatThrownBy(() -> plan.run(six, Sequences.of(1, 2), six))
                            .isInstanceOf(IllegalStateException.class);
                }
            }
        }
    }
}
