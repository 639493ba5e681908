package dev.gust.runtime.attention;

import dev.gust.runtime.device.Device;
import dev.gust.runtime.emulator.EmulatorDevice;
import dev.gust.runtime.jvm.JvmDevice;
import dev.gust.runtime.scalar.ScalarDevice;
import java.util.List;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** HGRN on every device that needs no driver. */
class HgrnTest {
    @ParameterizedTest
    @ValueSource(doubles = {0, -0.1, -3, -170})
    void agreesWithFloat64(double gates) {
        for (Device each : List.of(new ScalarDevice(), new JvmDevice(), new EmulatorDevice(2))) {
            try (Device device = each) {
                HgrnConformance.check(device, Form.RECURRENT, gates);
                HgrnConformance.check(device, new Form.Chunked(16), gates);
            }
        }
    }
}
