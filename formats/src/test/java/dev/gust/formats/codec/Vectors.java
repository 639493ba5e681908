package dev.gust.formats.codec;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Objects;
import java.util.Optional;

/** The conformance vectors made with ml_dtypes: what every code decodes to, and what float32 values encode to. */
final class Vectors {
    /** One line: a code of a type, and the float32 it decodes to or was encoded from. */
    record Row(String type, int code, float value) {
        /** Empty for E8M0, which has no {@link FloatFormat}. */
        Optional<FloatFormat> format() {
            return switch (type) {
                case "e4m3fn" -> Optional.of(FloatFormat.E4M3FN);
                case "e5m2" -> Optional.of(FloatFormat.E5M2);
                case "e4m3fnuz" -> Optional.of(FloatFormat.E4M3FNUZ);
                case "e5m2fnuz" -> Optional.of(FloatFormat.E5M2FNUZ);
                case "e2m3fn" -> Optional.of(FloatFormat.E2M3);
                case "e3m2fn" -> Optional.of(FloatFormat.E3M2);
                case "e2m1fn" -> Optional.of(FloatFormat.E2M1);
                case "e8m0fnu" -> Optional.empty();
                default -> throw new AssertionError("unknown type " + type);
            };
        }
    }

    private Vectors() {}

    static List<Row> decoding() {
        return read("decode.csv").stream()
                .map(f -> new Row(f[0], Integer.parseInt(f[1], 16), bits(f[2])))
                .toList();
    }

    static List<Row> encoding() {
        return read("encode-rne.csv").stream()
                .map(f -> new Row(f[0], Integer.parseInt(f[2], 16), bits(f[1])))
                .toList();
    }

    private static float bits(String hex) {
        return Float.intBitsToFloat(Integer.parseUnsignedInt(hex, 16));
    }

    private static List<String[]> read(String name) {
        try (var in = Objects.requireNonNull(Vectors.class.getResourceAsStream("/vectors/" + name));
                var reader = new BufferedReader(new InputStreamReader(in, StandardCharsets.US_ASCII))) {
            return reader.lines().skip(1).map(line -> line.split(",", -1)).toList();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
