package dev.gust.runtime.attention;

import dev.gust.runtime.device.Device;
import dev.gust.runtime.device.DeviceInfo;
import dev.gust.runtime.device.DeviceOptions;
import dev.gust.runtime.kernel.KernelStyle;
import dev.gust.runtime.tornado.TornadoDevices;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** flash-linear-attention's issues 1077 and 1097 on TornadoVM's first device: more groups than 65,535, which some grids end at. */
@Tag("device")
class TornadoManySequencesTest {
    static Stream<DeviceInfo> first() {
        return TornadoDevices.list().stream().limit(1);
    }

    @ParameterizedTest
    @MethodSource("first")
    void moreSequencesThanAGridHasRows1077And1097(DeviceInfo info) {
        AttentionCase call = CaseInputs.draw("gated-delta", new CaseShape(35_000, 1, 1, 2, 2, 1, List.of()), 7);
        try (Device device = TornadoDevices.open(info.id(), DeviceOptions.defaults())) {
            RuleConformance.check(device, call, Oracle.run(call), Form.RECURRENT, Optional.of(KernelStyle.TUNED));
        }
    }
}
