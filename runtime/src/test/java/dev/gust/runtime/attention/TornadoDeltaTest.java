package dev.gust.runtime.attention;

import dev.gust.runtime.device.Device;
import dev.gust.runtime.device.DeviceInfo;
import dev.gust.runtime.device.DeviceOptions;
import dev.gust.runtime.kernel.KernelStyle;
import dev.gust.runtime.tornado.TornadoDevices;
import java.util.List;
import java.util.Optional;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Both forms of the delta step on TornadoVM's first device, by both kinds of kernels. */
@Tag("device")
class TornadoDeltaTest {
    static List<DeltaConformance.Case> cases() {
        return TornadoDevices.list().isEmpty() ? List.of() : DeltaConformance.cases();
    }

    @ParameterizedTest
    @MethodSource("cases")
    void agreesWithFloat64(DeltaConformance.Case c) {
        DeviceInfo first = TornadoDevices.list().getFirst();
        try (Device device = TornadoDevices.open(first.id(), DeviceOptions.defaults())) {
            for (KernelStyle style : KernelStyle.values()) {
                DeltaConformance.check(device, c, Form.RECURRENT, Optional.of(style));
            }
            DeltaConformance.check(device, c, new Form.Chunked(16), Optional.of(KernelStyle.PORTABLE));
        }
    }

    /** A driver for CPUs takes long to build the tuned chunk kernels, so these see one case of each kind only. */
    static List<DeltaConformance.Case> chunks() {
        List<DeltaConformance.Case> all = cases();
        return Stream.concat(
                        IntStream.range(0, all.size()).filter(i -> i % 5 == 0).mapToObj(all::get),
                        all.isEmpty()
                                ? Stream.of()
                                : Stream.of(DeltaConformance.wideHeads().getFirst()))
                .toList();
    }

    @ParameterizedTest
    @MethodSource("chunks")
    void tunedChunksAgreeWithFloat64(DeltaConformance.Case c) {
        DeviceInfo first = TornadoDevices.list().getFirst();
        try (Device device = TornadoDevices.open(first.id(), DeviceOptions.defaults())) {
            DeltaConformance.check(device, c, new Form.Chunked(16), Optional.of(KernelStyle.TUNED));
        }
    }
}
