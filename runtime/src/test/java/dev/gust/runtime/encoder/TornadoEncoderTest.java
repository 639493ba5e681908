package dev.gust.runtime.encoder;

import dev.gust.runtime.device.Device;
import dev.gust.runtime.device.DeviceOptions;
import dev.gust.runtime.layer.Pooling;
import dev.gust.runtime.tornado.TornadoDevices;
import java.nio.file.Path;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The encoder on TornadoVM's first device. */
@Tag("device")
class TornadoEncoderTest {
    @Test
    void agreesWithFloat64(@TempDir Path folder) {
        if (!TornadoDevices.list().isEmpty()) {
            try (Device device =
                    TornadoDevices.open(TornadoDevices.list().getFirst().id(), DeviceOptions.defaults())) {
                var bert = new TinyBert("");
                EncoderConformance.check(
                        device, bert, bert.write(folder.resolve("tiny.safetensors")), Pooling.Kind.MEAN);
            }
        }
    }
}
