package dev.gust.runtime.matmul;

import static org.assertj.core.api.Assertions.assertThat;

import dev.gust.runtime.device.Device;
import dev.gust.runtime.device.DeviceId;
import dev.gust.runtime.device.DeviceInfo;
import dev.gust.runtime.device.DeviceOptions;
import dev.gust.runtime.kernel.KernelStyle;
import dev.gust.runtime.tornado.TornadoDevices;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Every stored form on every device that TornadoVM finds, by both kinds of kernels. */
@Tag("device")
class TornadoMatmulTest {
    /** Forms that go through more shapes, on the first device; a kernel takes a good part of a second to compile, so not all do. */
    private static final List<String> MORE = List.of("F32", "fp8-block", "mxfp6-e2m3", "nvfp4", "gguf Q6_K");

    static Stream<Arguments> cases() {
        return TornadoDevices.list().stream()
                .map(DeviceInfo::id)
                .flatMap(id -> Stream.of(KernelStyle.values())
                        .flatMap(style -> SampleWeights.forms().stream().map(form -> Arguments.of(id, style, form))));
    }

    @ParameterizedTest
    @MethodSource("cases")
    void agreesWithFloat64(DeviceId id, KernelStyle style, String form) {
        int g = SampleWeights.granularity(form);
        try (Device device = TornadoDevices.open(id, DeviceOptions.defaults())) {
            check(device, style, form, 1, 7, g == 1 ? 67 : 3 * g);
            if (MORE.contains(form)
                    && id.equals(TornadoDevices.list().getFirst().id())) {
                check(device, style, form, 3, 130, g == 1 ? 1 : g);
                check(device, style, form, 5, 1, g == 1 ? 515 : 5 * g);
            }
        }
    }

    /** Kernels that go down the rows, some of them one device's only, over more than one round of work. */
    @ParameterizedTest
    @ValueSource(strings = {"F16", "BF16", "fp8", "mxfp4", "nvfp4", "int8", "int4"})
    void manyRowsAgreeWithFloat64(String form) {
        try (Device device =
                TornadoDevices.open(TornadoDevices.list().getFirst().id(), DeviceOptions.defaults())) {
            check(device, KernelStyle.TUNED, form, 1, 75, 8192 + 4096 + 128);
        }
    }

    private static void check(Device device, KernelStyle style, String form, int m, int n, int k) {
        double error = MatmulConformance.check(device, form, m, n, k, 42, MatmulOptions.DEFAULT.withStyle(style));
        assertThat(error).as("%s: M %d, N %d, K %d", form, m, n, k).isLessThan(QuantizedMatmul.TOLERANCE);
    }
}
