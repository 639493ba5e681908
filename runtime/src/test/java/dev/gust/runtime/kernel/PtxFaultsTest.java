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
    void onlyPtxIsRefused() {
        PtxFaults.refuse(drivenBy("TornadoVM CUDA, NVIDIA CUDA"), "norm");
        PtxFaults.refuse(drivenBy("TornadoVM OPENCL, NVIDIA CUDA"), "norm");
        assertThatThrownBy(() -> PtxFaults.refuse(drivenBy("TornadoVM PTX, PTX"), "norm"))
                .isInstanceOf(DeviceException.class)
                .hasMessageContaining("norm")
                .hasMessageContaining("CUDA or OpenCL");
    }
}
