package dev.gust.runtime.kernel;

import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.gust.formats.DeviceException;
import dev.gust.runtime.device.DeviceId;
import dev.gust.runtime.device.DeviceInfo;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;

class PtxFaultsTest {
    private static DeviceInfo drivenBy(String driver) {
        return new DeviceInfo(DeviceId.tornado(0, 0), "a GPU", "gpu", 0, driver, List.of(), Optional.empty());
    }

    @Test
    void onlyPtxThatIsNotHeardIsRefused() {
        PtxFaults.requireHeard(drivenBy("TornadoVM CUDA, NVIDIA CUDA"), false);
        PtxFaults.requireHeard(drivenBy("TornadoVM OPENCL, NVIDIA CUDA"), false);
        PtxFaults.requireHeard(drivenBy("TornadoVM PTX, PTX"), true);
        assertThatThrownBy(() -> PtxFaults.requireHeard(drivenBy("TornadoVM PTX, PTX"), false))
                .isInstanceOf(DeviceException.class)
                .hasMessageContaining("CUDA or OpenCL");
    }
}
