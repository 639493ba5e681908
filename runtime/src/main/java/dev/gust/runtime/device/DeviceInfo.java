package dev.gust.runtime.device;

import java.util.List;
import java.util.Optional;

/**
 * What is known about a device.
 *
 * @param id its name
 * @param name what its maker calls it
 * @param kind cpu, gpu, fpga or emulator
 * @param memory its memory in bytes; 0 if unknown
 * @param driver what runs it: a driver with its version, or the Vector API
 * @param features what it can do that matters here: fp16, fp8, tensor-cores, avx512 and the like
 * @param unusable why it cannot be used and what mends that, if it cannot
 */
public record DeviceInfo(
        DeviceId id,
        String name,
        String kind,
        long memory,
        String driver,
        List<String> features,
        Optional<String> unusable) {
    public DeviceInfo {
        features = List.copyOf(features);
    }
}
