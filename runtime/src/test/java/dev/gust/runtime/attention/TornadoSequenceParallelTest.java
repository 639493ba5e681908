package dev.gust.runtime.attention;

import static org.assertj.core.api.Assertions.assertThat;

import dev.gust.runtime.attention.parallel.AllGather;
import dev.gust.runtime.attention.parallel.Gather;
import dev.gust.runtime.attention.parallel.Link;
import dev.gust.runtime.attention.parallel.Partition;
import dev.gust.runtime.attention.parallel.PipelinedScan;
import dev.gust.runtime.device.Device;
import dev.gust.runtime.device.DeviceInfo;
import dev.gust.runtime.device.DeviceOptions;
import dev.gust.runtime.tornado.TornadoDevices;
import java.util.List;
import java.util.function.Function;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** A row of tokens split over TornadoVM's devices: PoCL has two on one processor. */
@Tag("device")
class TornadoSequenceParallelTest {
    static Stream<Arguments> cases() {
        if (TornadoDevices.list().isEmpty()) {
            return Stream.of();
        }
        Function<Link, Gather> gather = AllGather::new;
        Function<Link, Gather> scan = PipelinedScan::new;
        return Stream.of(Arguments.of("gla", scan), Arguments.of("gated-delta", gather), Arguments.of("rwkv7", scan));
    }

    @ParameterizedTest
    @MethodSource("cases")
    void isWhatOneDeviceMakes(String rule, Function<Link, Gather> gather) {
        List<Device> devices = TornadoDevices.list().stream()
                .limit(2)
                .map(DeviceInfo::id)
                .<Device>map(id -> TornadoDevices.open(id, DeviceOptions.defaults()))
                .toList();
        try {
            assertThat(devices).isNotEmpty();
            // One rank more than devices: a part from within the sequence, and two ranks of one device.
            List<Device> ranks = List.of(devices.getFirst(), devices.getLast(), devices.getFirst());
            AttentionCase call = CaseInputs.draw(rule, CaseShape.of(1, 90, 2, 16), 7);
            SplitConformance.check(ranks, call, new Form.Chunked(16), new Partition(0, 32, 64, 90), gather);
        } finally {
            devices.forEach(Device::close);
        }
    }
}
