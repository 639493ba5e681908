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
import dev.gust.runtime.kernel.KernelStyle;
import dev.gust.runtime.scalar.ScalarDevice;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

class TokenOperatorsTest {
    private static final List<Device> DEVICES = List.of(new ScalarDevice(), new JvmDevice(), new EmulatorDevice(2));

    @AfterAll
    static void close() {
        DEVICES.forEach(Device::close);
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 7, 16, 129})
    void addsRowsUp(int width) {
        for (Device device : DEVICES) {
            TokenConformance.embed(device, width, new int[] {11, 4, 1}, Optional.empty());
            TokenConformance.embed(device, width, new int[] {5}, Optional.empty());
        }
    }

    @ParameterizedTest
    @EnumSource(Activation.Kind.class)
    void activates(Activation.Kind kind) {
        for (Device device : DEVICES) {
            for (int length : new int[] {1, 17, 256}) {
                TokenConformance.activate(device, kind, length, length != 17, Optional.empty());
            }
        }
    }

    /** Far below zero the result is tiny, and as good, relative to itself, as float32's exponential allows. */
    @Test
    void geluKeepsItsTail() {
        float[] x = new float[401];
        for (int i = 0; i < x.length; i++) {
            x[i] = (i - 260) / 20f;
        }
        for (Device device : DEVICES) {
            try (Arena arena = Arena.ofShared();
                    ActivationPlan plan = new Activation(Activation.Kind.GELU, x.length).prepare(device, 1)) {
                MemorySegment y = room(arena, x.length);
                plan.run(segment(arena, x), MemorySegment.NULL, 1, y);
                for (int i = 0; i < x.length; i++) {
                    double expected = x[i] * TokenConformance.normal(x[i]);
                    // The exponent's rounding grows with x².
                    double tolerance = 4e-7 + 6e-8 * x[i] * x[i];
                    assertThat((double) y.getAtIndex(ValueLayout.JAVA_FLOAT, i))
                            .as("%s gelu(%s)", device.id(), x[i])
                            .isCloseTo(expected, within(tolerance * Math.abs(expected) + 1e-37));
                }
            }
        }
    }

    @Test
    void gelusReferenceIsTheNormalDistribution() {
        // Φ(1), Φ(2.9999), Φ(3), Φ(−6): tables of the normal distribution.
        assertThat(TokenConformance.normal(1)).isCloseTo(0.841344746068543, within(1e-14));
        assertThat(TokenConformance.normal(3)).isCloseTo(0.998650101968370, within(1e-14));
        assertThat(TokenConformance.normal(2.9999999999)).isCloseTo(TokenConformance.normal(3), within(1e-12));
        assertThat(TokenConformance.normal(-6) / 9.865876450376946e-10).isCloseTo(1, within(1e-12));
    }

    @ParameterizedTest
    @EnumSource(Pooling.Kind.class)
    void pools(Pooling.Kind kind) {
        for (Device device : DEVICES) {
            for (int length : new int[] {1, 33, 384}) {
                TokenConformance.pool(device, kind, length, Optional.empty());
            }
        }
    }

    /** The emulator and the scalar device take the other kernels, too. */
    @Test
    void allKernelsAgree() {
        for (Device device : List.of(DEVICES.getFirst(), DEVICES.getLast())) {
            for (KernelStyle style : KernelStyle.values()) {
                if (style == KernelStyle.TUNED && device instanceof ScalarDevice) {
                    continue;
                }
                TokenConformance.embed(device, 17, new int[] {3, 5}, Optional.of(style));
                TokenConformance.activate(device, Activation.Kind.GELU, 17, true, Optional.of(style));
                TokenConformance.pool(device, Pooling.Kind.MEAN, 17, Optional.of(style));
            }
        }
    }

    @Test
    void whatDoesNotFitIsSaidBeforeAnythingRuns() {
        MemorySegment none = MemorySegment.NULL;
        try (Arena arena = Arena.ofShared()) {
            MemorySegment four = segment(arena, new float[4]);
            assertThatThrownBy(() -> new Embedding(3, List.of(four))).isInstanceOf(InputException.class);
            assertThatThrownBy(() -> new Embedding(3, List.of(none))).isInstanceOf(InputException.class);
            assertThatThrownBy(() -> new Embedding(3, List.of())).isInstanceOf(InputException.class);
            assertThatThrownBy(() -> new Activation(Activation.Kind.GELU, 0)).isInstanceOf(InputException.class);
            assertThatThrownBy(() -> new Pooling(Pooling.Kind.MEAN, 0)).isInstanceOf(InputException.class);
            for (Device device : DEVICES) {
                try (EmbeddingPlan plan = new Embedding(2, List.of(four)).prepare(device, 2)) {
                    for (int[] ids : List.of(new int[] {0, 2}, new int[] {-1, 0}, new int[] {0})) {
                        assertThatThrownBy(() -> plan.run(ids, 2, four))
                                .isInstanceOf(InputException.class)
                                .hasMessageContaining("'ids'");
                    }
                    assertThatThrownBy(() -> plan.run(new int[3], 3, four)).isInstanceOf(InputException.class);
                    plan.run(new int[0], 0, none);
                    plan.close();
                    assertThatThrownBy(() -> plan.run(new int[2], 2, four)).isInstanceOf(IllegalStateException.class);
                }
                assertThatThrownBy(() -> new Activation(Activation.Kind.RELU, 1 << 20).prepare(device, 1 << 20))
                        .isInstanceOf(UsageException.class);
                try (ActivationPlan plan = new Activation(Activation.Kind.RELU, 2).prepare(device, 2)) {
                    assertThatThrownBy(() -> plan.run(four, four, 2, four))
                            .isInstanceOf(InputException.class)
                            .hasMessageContaining("'b'");
                    assertThatThrownBy(() -> plan.run(four, none, 3, four)).isInstanceOf(InputException.class);
                    plan.run(none, none, 0, none);
                    plan.close();
                    assertThatThrownBy(() -> plan.run(four, none, 2, four)).isInstanceOf(IllegalStateException.class);
                }
                try (PoolingPlan plan = new Pooling(Pooling.Kind.MEAN, 2).prepare(device, 2, 1)) {
                    assertThatThrownBy(() -> plan.run(four, new Sequences(0, 1), four))
                            .isInstanceOf(InputException.class)
                            .hasMessageContaining("'x'");
                    plan.close();
                    assertThatThrownBy(() -> plan.run(four, new Sequences(0, 2), four.asSlice(0, 8)))
                            .isInstanceOf(IllegalStateException.class);
                }
            }
        }
    }
}
