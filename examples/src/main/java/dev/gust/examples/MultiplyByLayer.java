package dev.gust.examples;

import dev.gust.runtime.Devices;
import dev.gust.runtime.device.Device;
import dev.gust.runtime.device.DeviceId;
import dev.gust.runtime.matmul.QuantizedLinear;
import java.io.PrintStream;
import java.util.Locale;
import java.util.SplittableRandom;

/**
 * Loads one linear layer of a quantized model and multiplies by it. After
 * {@code ./gust quantize … out/minilm-nvfp4 --scheme nvfp4}:
 *
 * <pre>
 * java --add-modules=jdk.incubator.vector --enable-native-access=ALL-UNNAMED -cp 'cli/target/gust/lib/*' \
 *     examples/src/main/java/dev/gust/examples/MultiplyByLayer.java \
 *     out/minilm-nvfp4 encoder.layer.0.attention.self.query
 * </pre>
 */
public final class MultiplyByLayer {
    private MultiplyByLayer() {}

    public static void main(String[] args) {
        if (args.length < 2 || args.length > 3) {
            System.err.println("usage: MultiplyByLayer MODEL LAYER [DEVICE]");
            System.exit(2);
        }
        run(args[0], args[1], DeviceId.parse(args.length == 3 ? args[2] : "auto"), System.out);
    }

    static void run(String model, String layer, DeviceId id, PrintStream out) {
        try (Device device = Devices.open(id);
                QuantizedLinear linear = QuantizedLinear.load(device, model, layer)) {
            float[] x = new float[Math.toIntExact(linear.inFeatures())];
            var random = new SplittableRandom(1);
            for (int k = 0; k < x.length; k++) {
                x[k] = (float) random.nextGaussian();
            }
            float[] y = linear.multiply(x);
            out.printf(
                    Locale.ROOT,
                    "%s [%d, %d] as %s on %s: y[0] = %.6f, y[%d] = %.6f%n",
                    layer,
                    linear.outFeatures(),
                    linear.inFeatures(),
                    linear.weight().format().label(),
                    device.id(),
                    y[0],
                    y.length - 1,
                    y[y.length - 1]);
        }
    }
}
