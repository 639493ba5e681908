package dev.gust.runtime;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.gust.formats.DeviceException;
import dev.gust.formats.UsageException;
import dev.gust.runtime.device.Device;
import dev.gust.runtime.device.DeviceId;
import dev.gust.runtime.device.DeviceInfo;
import dev.gust.runtime.device.DeviceOptions;
import dev.gust.runtime.scalar.ScalarDevice;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;

class FastestTest {
    @Test
    void whatFailsIsPassedOver() {
        List<DeviceId> candidates = List.of(DeviceId.tornado(97, 1), DeviceId.SCALAR, DeviceId.tornado(97, 2));
        try (Device device = Fastest.of(candidates, FastestTest::open)) {
            assertThat(device.id()).isEqualTo(DeviceId.SCALAR);
        }
    }

    @Test
    void whereNothingWorksThatIsTheError() {
        List<DeviceId> candidates = List.of(DeviceId.tornado(98, 1), DeviceId.tornado(98, 2));
        assertThatThrownBy(() -> Fastest.of(candidates, FastestTest::open))
                .isInstanceOf(DeviceException.class)
                .hasMessageContaining("auto");
    }

    @Test
    void whatMayComeOutWrongIsNotChosen() {
        assertThat(Devices.candidates(List.of(
                        drivenBy("TornadoVM PTX, PTX", 0, Optional.empty()),
                        drivenBy("TornadoVM CUDA, NVIDIA CUDA", 1, Optional.empty()),
                        drivenBy("TornadoVM OPENCL, NVIDIA CUDA", 2, Optional.of("no memory")))))
                .containsExactly(DeviceId.JVM, DeviceId.tornado(0, 1));
    }

    private static DeviceInfo drivenBy(String driver, int device, Optional<String> unusable) {
        return new DeviceInfo(DeviceId.tornado(0, device), "a GPU", "gpu", 0, driver, List.of(), unusable);
    }

    @Test
    void namedDevicesAreThoseOrAnError() {
        try (Device device = Devices.open(DeviceId.SCALAR)) {
            assertThat(device).isInstanceOf(ScalarDevice.class);
        }
        assertThatThrownBy(() -> Devices.open(DeviceId.tornado(99, 0)))
                .isInstanceOf(DeviceException.class)
                .hasMessageContaining("tornado:99:0");
    }

    @Test
    void theTimeLimitIsASystemProperty() {
        assertThat(DeviceOptions.defaults().timeout()).hasSeconds(600);
        System.setProperty("gust.device.timeout", "soon");
        try {
            assertThatThrownBy(DeviceOptions::defaults)
                    .isInstanceOf(UsageException.class)
                    .hasMessageContaining("soon");
            System.setProperty("gust.device.timeout", "7");
            assertThat(DeviceOptions.defaults().timeout()).hasSeconds(7);
        } finally {
            System.clearProperty("gust.device.timeout");
        }
    }

    private static Device open(DeviceId id) {
        if (id.equals(DeviceId.SCALAR)) {
            return new ScalarDevice();
        }
        throw new DeviceException(id.toString(), "it is not there", "buy one");
    }
}
