package dev.gust.formats.codec;

import static org.assertj.core.api.Assertions.assertThat;

import ai.onnxruntime.OnnxTensor;
import ai.onnxruntime.OrtEnvironment;
import ai.onnxruntime.OrtException;
import ai.onnxruntime.OrtSession;
import java.io.ByteArrayOutputStream;
import java.nio.FloatBuffer;
import java.nio.charset.StandardCharsets;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * ONNX Runtime's Cast to FP8 and back as the oracle. The model is written here byte by byte: its Java API has no FP8
 * tensors, so the codes are compared by the values they decode to, which also tells −0 from 0.
 */
class OnnxCastTest {
    private static final int ONNX_FLOAT = 1;

    @ParameterizedTest
    @CsvSource({"E4M3FN, 17", "E4M3FNUZ, 18", "E5M2, 19", "E5M2FNUZ, 20"})
    void saturatingCastsAgree(String name, int onnxType) throws OrtException {
        FloatFormat format = FloatFormat.ALL.stream()
                .filter(f -> f.name().equals(name))
                .findFirst()
                .orElseThrow();
        float[] x = inputs();
        float[] expected = cast(x, onnxType, 1);
        for (int i = 0; i < x.length; i++) {
            assertSame(format, x[i], format.decode(format.encode(x[i], true)), expected[i]);
        }
    }

    /**
     * Without saturation this version of ONNX Runtime errs just beyond the maximum, which is left out: what would round
     * to 480 if E4M3FN had it becomes 448 (464 is the last that should), and what lies between E5M2's last value and
     * 65536, and should be infinite, becomes NaN. The vectors of ml_dtypes cover both places.
     */
    @ParameterizedTest
    @CsvSource({"E4M3FN, 17, 464, 496", "E4M3FNUZ, 18, 0, -1", "E5M2, 19, 61440, 65535", "E5M2FNUZ, 20, 0, -1"})
    void overflowingCastsAgree(String name, int onnxType, float leftOutFrom, float leftOutTo) throws OrtException {
        FloatFormat format = FloatFormat.ALL.stream()
                .filter(f -> f.name().equals(name))
                .findFirst()
                .orElseThrow();
        float[] x = inputs();
        float[] expected = cast(x, onnxType, 0);
        int leftOut = 0;
        for (int i = 0; i < x.length; i++) {
            float magnitude = Math.abs(x[i]);
            if (magnitude >= leftOutFrom && magnitude <= leftOutTo) {
                leftOut++;
            } else {
                assertSame(format, x[i], format.decode(format.encode(x[i], false)), expected[i]);
            }
        }
        assertThat(leftOut).isLessThan(2000);
    }

    private static void assertSame(FloatFormat format, float x, float ours, float theirs) {
        // Which NaN a NaN becomes is nobody's business; floatToIntBits makes them all one.
        if (Float.floatToIntBits(ours) != Float.floatToIntBits(theirs)) {
            assertThat(ours)
                    .as("%s of %s (%08x)", format.name(), x, Float.floatToRawIntBits(x))
                    .isEqualTo(theirs);
        }
    }

    /** Every BF16 value, every F16 value, and random values in and around the ranges. */
    private static float[] inputs() {
        var random = new Random(31);
        float[] x = new float[3 << 16];
        for (int i = 0; i < 1 << 16; i++) {
            x[i] = FloatFormat.BF16.decode(i);
            x[i + (1 << 16)] = FloatFormat.F16.decode(i);
            x[i + (2 << 16)] = (float) Math.scalb(random.nextDouble(-2, 2), random.nextInt(-20, 18));
        }
        return x;
    }

    private static float[] cast(float[] x, int onnxType, int saturate) throws OrtException {
        OrtEnvironment environment = OrtEnvironment.getEnvironment();
        try (var options = new OrtSession.SessionOptions()) {
            // Optimised, the two casts could be merged into none.
            options.setOptimizationLevel(OrtSession.SessionOptions.OptLevel.NO_OPT);
            try (OrtSession session = environment.createSession(model(x.length, onnxType, saturate), options);
                    OnnxTensor input =
                            OnnxTensor.createTensor(environment, FloatBuffer.wrap(x), new long[] {x.length});
                    OrtSession.Result result = session.run(Map.of("x", input))) {
                return (float[]) result.get(0).getValue();
            }
        }
    }

    /** A ModelProto with x (float) → Cast → code (FP8) → Cast → y (float), opset 19. Field numbers are onnx.proto's. */
    private static byte[] model(int length, int onnxType, int saturate) {
        byte[] narrow = message(
                text(1, "x"),
                text(2, "code"),
                text(4, "Cast"),
                bytes(5, attribute("to", onnxType)),
                bytes(5, attribute("saturate", saturate)));
        byte[] widen = message(text(1, "code"), text(2, "y"), text(4, "Cast"), bytes(5, attribute("to", ONNX_FLOAT)));
        byte[] graph = message(
                bytes(1, narrow),
                bytes(1, widen),
                text(2, "cast"),
                bytes(11, value("x", length)),
                bytes(12, value("y", length)));
        return message(number(1, 9), bytes(7, graph), bytes(8, message(text(1, ""), number(2, 19))));
    }

    private static byte[] attribute(String name, int value) {
        int typeInt = 2;
        return message(text(1, name), number(3, value), number(20, typeInt));
    }

    private static byte[] value(String name, int length) {
        byte[] shape = message(bytes(1, message(number(1, length))));
        byte[] tensor = message(number(1, ONNX_FLOAT), bytes(2, shape));
        return message(text(1, name), bytes(2, message(bytes(1, tensor))));
    }

    private static byte[] message(byte[]... fields) {
        var out = new ByteArrayOutputStream();
        for (byte[] field : fields) {
            out.writeBytes(field);
        }
        return out.toByteArray();
    }

    private static byte[] text(int field, String value) {
        return bytes(field, value.getBytes(StandardCharsets.UTF_8));
    }

    private static byte[] bytes(int field, byte[] value) {
        return message(varint(field << 3 | 2), varint(value.length), value);
    }

    private static byte[] number(int field, long value) {
        return message(varint(field << 3), varint(value));
    }

    private static byte[] varint(long value) {
        var out = new ByteArrayOutputStream();
        long left = value;
        while (left >= 0x80) {
            out.write((int) ((left & 0x7f) | 0x80));
            left >>>= 7;
        }
        out.write((int) left);
        return out.toByteArray();
    }
}
