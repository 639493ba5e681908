package dev.gust.runtime.lowrank;

import dev.gust.runtime.device.Device;
import dev.gust.runtime.emulator.EmulatorDevice;
import dev.gust.runtime.jvm.JvmDevice;
import dev.gust.runtime.matmul.MatmulOptions;
import dev.gust.runtime.scalar.ScalarDevice;
import java.util.List;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Every operator on every device that each machine has, against float64. */
class LowRankConformanceTest {
    private static final List<Device> DEVICES = List.of(new ScalarDevice(), new JvmDevice(), new EmulatorDevice(2));

    @AfterAll
    static void close() {
        DEVICES.forEach(Device::close);
    }

    static List<LowRankCase> products() {
        return LowRankCase.all();
    }

    static List<LoraCase> adapters() {
        return LoraCase.all();
    }

    @ParameterizedTest
    @MethodSource("products")
    void productsAgreeWithFloat64(LowRankCase product) {
        DEVICES.forEach(d -> product.check(d, MatmulOptions.DEFAULT));
    }

    @ParameterizedTest
    @MethodSource("adapters")
    void adaptersAgreeWithFloat64(LoraCase adapters) {
        DEVICES.forEach(d -> adapters.check(d, MatmulOptions.DEFAULT));
    }
}
