package dev.gust.runtime.layer;

import dev.gust.runtime.device.Device;
import dev.gust.runtime.device.DeviceOptions;
import dev.gust.runtime.kernel.KernelStyle;
import dev.gust.runtime.tornado.TornadoDevices;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** The layers' operators on TornadoVM's first device. */
@Tag("device")
class TornadoLayerTest {
    static List<ConvConformance.Case> convolutions() {
        return there() ? ConvConformance.cases() : List.of();
    }

    @ParameterizedTest(allowZeroInvocations = true)
    @MethodSource("convolutions")
    void convolves(ConvConformance.Case c) {
        try (Device device = open()) {
            ConvConformance.check(device, c);
        }
    }

    static List<NormConformance.Case> norms() {
        List<Integer> lengths = List.of(7, 128, 1030);
        return there()
                ? NormConformance.cases().stream()
                        .filter(c -> lengths.contains(c.length()))
                        .toList()
                : List.of();
    }

    @ParameterizedTest(allowZeroInvocations = true)
    @MethodSource("norms")
    void normalizes(NormConformance.Case c) {
        try (Device device = open()) {
            for (KernelStyle style : KernelStyle.values()) {
                NormConformance.check(device, c, Optional.of(style));
            }
        }
    }

    static List<GateConformance.Case> gates() {
        return there() ? GateConformance.cases() : List.of();
    }

    @ParameterizedTest(allowZeroInvocations = true)
    @MethodSource("gates")
    void opensAndCloses(GateConformance.Case c) {
        try (Device device = open()) {
            GateConformance.check(device, c);
        }
    }

    static List<LayerCase> layers() {
        return there() ? LayerCase.all() : List.of();
    }

    @ParameterizedTest(allowZeroInvocations = true)
    @MethodSource("layers")
    void steps(LayerCase c) {
        try (Device device = open()) {
            for (KernelStyle style : KernelStyle.values()) {
                LayerConformance.check(device, c, Optional.of(style));
            }
        }
    }

    @Test
    void worksOnTokens() {
        if (there()) {
            try (Device device = open()) {
                for (KernelStyle style : KernelStyle.values()) {
                    TokenConformance.embed(device, 129, new int[] {11, 4, 1}, Optional.of(style));
                    for (Activation.Kind kind : Activation.Kind.values()) {
                        TokenConformance.activate(device, kind, 17, true, Optional.of(style));
                    }
                    for (Pooling.Kind kind : Pooling.Kind.values()) {
                        TokenConformance.pool(device, kind, 33, Optional.of(style));
                    }
                }
            }
        }
    }

    private static boolean there() {
        return !TornadoDevices.list().isEmpty();
    }

    private static Device open() {
        return TornadoDevices.open(TornadoDevices.list().getFirst().id(), DeviceOptions.defaults());
    }
}
