package dev.gust.runtime.codebook;

import dev.gust.runtime.device.Device;
import dev.gust.runtime.device.DeviceOptions;
import dev.gust.runtime.kernel.KernelStyle;
import dev.gust.runtime.tornado.TornadoDevices;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** The operators over codebooks on TornadoVM's first device. */
@Tag("device")
class TornadoCodebookTest {
    static List<AssignConformance.Case> assignments() {
        return there()
                ? AssignConformance.cases().stream()
                        .filter(c -> c.rows() > 64 && c.codes() < 256)
                        .toList()
                : List.of();
    }

    @ParameterizedTest(allowZeroInvocations = true)
    @MethodSource("assignments")
    void assigns(AssignConformance.Case c) {
        try (Device device = open()) {
            for (KernelStyle style : KernelStyle.values()) {
                AssignConformance.check(device, c, Optional.of(style));
            }
        }
    }

    static List<CodebookAttention> attentions() {
        return there()
                ? CodebookConformance.attentions().stream()
                        .filter(a -> a.rows() > 90 || a.window() == 0 && a.rows() > 1 && !a.causal())
                        .toList()
                : List.of();
    }

    @ParameterizedTest(allowZeroInvocations = true)
    @MethodSource("attentions")
    void attends(CodebookAttention attention) {
        try (Device device = open()) {
            CodebookConformance.check(device, attention);
        }
    }

    static List<MemoryLayer> layers() {
        return there() ? CodebookConformance.layers().subList(1, 3) : List.of();
    }

    @ParameterizedTest(allowZeroInvocations = true)
    @MethodSource("layers")
    void looksUp(MemoryLayer layer) {
        try (Device device = open()) {
            CodebookConformance.check(device, layer, 9);
        }
    }

    private static boolean there() {
        return !TornadoDevices.list().isEmpty();
    }

    private static Device open() {
        return TornadoDevices.open(TornadoDevices.list().getFirst().id(), DeviceOptions.defaults());
    }
}
