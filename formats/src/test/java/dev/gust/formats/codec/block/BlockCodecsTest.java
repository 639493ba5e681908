package dev.gust.formats.codec.block;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.gust.formats.UsageException;
import dev.gust.formats.codec.TensorCodec;
import dev.gust.formats.tensor.DType;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.Random;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;

class BlockCodecsTest {
    private static final ValueLayout.OfFloat F32 = ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

    static Stream<DType> decodable() {
        return Arrays.stream(DType.values()).filter(d -> BlockCodecs.of(d).isPresent());
    }

    static Stream<DType> encodable() {
        return Arrays.stream(DType.values()).filter(BlockCodecs::encodes);
    }

    static List<String> goldenLines() throws IOException {
        try (var in = BlockCodecsTest.class.getResourceAsStream("/vectors/ggml-golden.txt")) {
            return new String(in.readAllBytes(), StandardCharsets.UTF_8).lines().toList();
        }
    }

    static List<String> golden() throws IOException {
        List<String> lines = goldenLines();
        return lines.subList(1, lines.size());
    }

    /** The input of the golden digests: a linear congruential generator's values in [−1.95, 1.95]. */
    private static float[] goldenInput() {
        float[] x = new float[256];
        long s = 1;
        for (int i = 0; i < x.length; i++) {
            s = (1103515245L * s + 12345) % (1L << 31);
            x[i] = ((s >> 16) % 2001 - 1000) / 512f;
        }
        return x;
    }

    @Test
    void theGoldenInputIsTheOneThatWasDigested() throws IOException {
        assertThat(goldenLines().getFirst()).endsWith("sha256(x LE f32) " + sha256(bytesOf(goldenInput())));
    }

    @ParameterizedTest
    @MethodSource("golden")
    void encodesAndDecodesAsLlamaCppDid(String line) {
        String[] fields = line.split(" ", -1);
        DType dtype = DType.byName(
                        fields[0].endsWith("_K") ? "Q" + fields[0].substring(1) : fields[0].toUpperCase(Locale.ROOT))
                .orElseThrow();
        TensorCodec codec = BlockCodecs.of(dtype).orElseThrow();
        byte[] stored = new byte[Integer.parseInt(fields[1])];
        assertThat(dtype.byteSize(256)).isEqualTo(stored.length);

        codec.encode(MemorySegment.ofArray(goldenInput()), 0, MemorySegment.ofArray(stored), 0, 256);
        float[] decoded = new float[256];
        codec.decode(MemorySegment.ofArray(stored), 0, MemorySegment.ofArray(decoded), 0, 256);

        assertThat(HexFormat.of().formatHex(stored)).startsWith(fields[5]);
        assertThat(sha256(stored)).startsWith(fields[3]);
        assertThat(sha256(bytesOf(decoded))).startsWith(fields[8]);
    }

    /** Encoding must not depend on where segments begin, on their kind, or on how many blocks a call has. */
    @ParameterizedTest
    @MethodSource("encodable")
    void blocksDoNotDependOnTheirSurroundings(DType dtype) {
        TensorCodec codec = BlockCodecs.of(dtype).orElseThrow();
        int blocks = 5;
        int n = blocks * dtype.blockElements();
        float[] x = gaussian(n, 11);
        byte[] whole = new byte[blocks * dtype.blockBytes()];
        codec.encode(MemorySegment.ofArray(x), 0, MemorySegment.ofArray(whole), 0, n);

        try (Arena arena = Arena.ofConfined()) {
            MemorySegment floats = arena.allocate(4L * n + 3);
            MemorySegment.copy(x, 0, floats, F32, 3, n);
            MemorySegment stored = arena.allocate(whole.length + 2, 1);
            for (int b = 0; b < blocks; b++) {
                codec.encode(
                        floats,
                        3 + 4L * b * dtype.blockElements(),
                        stored,
                        1 + (long) b * dtype.blockBytes(),
                        dtype.blockElements());
            }
            assertThat(stored.asSlice(1, whole.length).toArray(ValueLayout.JAVA_BYTE))
                    .isEqualTo(whole);
            assertThat(stored.get(ValueLayout.JAVA_BYTE, 0)).isZero();
            assertThat(stored.get(ValueLayout.JAVA_BYTE, whole.length + 1)).isZero();

            float[] decoded = new float[n];
            codec.decode(MemorySegment.ofArray(whole), 0, MemorySegment.ofArray(decoded), 0, n);
            codec.decode(stored, 1, floats, 3, n);
            assertThat(floats.asSlice(3, 4L * n).toArray(F32)).containsExactly(decoded);
        }
    }

    /** The least signal-to-noise ratio in dB that Gaussian data must keep: well above any nibble or scale mistake. */
    @ParameterizedTest
    @MethodSource("encodable")
    void roundTripKeepsTheSignal(DType dtype) {
        double least = switch (dtype) {
            case Q8_0 -> 40;
            case Q6_K -> 33;
            case Q5_0, Q5_1 -> 25;
            case Q4_0, Q4_1, Q4_K -> 18.5;
            default -> 17;
        };
        TensorCodec codec = BlockCodecs.of(dtype).orElseThrow();
        int n = 256 * 40;
        float[] x = gaussian(n, 5);
        byte[] stored = new byte[(int) dtype.byteSize(n)];
        float[] y = new float[n];
        codec.encode(MemorySegment.ofArray(x), 0, MemorySegment.ofArray(stored), 0, n);
        codec.decode(MemorySegment.ofArray(stored), 0, MemorySegment.ofArray(y), 0, n);
        double signal = 0;
        double noise = 0;
        for (int i = 0; i < n; i++) {
            signal += (double) x[i] * x[i];
            noise += (double) (x[i] - y[i]) * (x[i] - y[i]);
        }
        assertThat(10 * Math.log10(signal / noise)).isGreaterThan(least);
    }

    @ParameterizedTest
    @MethodSource("encodable")
    void zerosDecodeToZeros(DType dtype) {
        TensorCodec codec = BlockCodecs.of(dtype).orElseThrow();
        byte[] stored = new byte[(int) dtype.byteSize(256)];
        Arrays.fill(stored, (byte) 0x5A);
        float[] y = gaussian(256, 1);
        codec.encode(MemorySegment.ofArray(new float[256]), 0, MemorySegment.ofArray(stored), 0, 256);
        codec.decode(MemorySegment.ofArray(stored), 0, MemorySegment.ofArray(y), 0, 256);
        for (float v : y) {
            assertThat(Math.abs(v)).isZero();
        }
    }

    /** Non-finite values are refused elsewhere; here they must only do no harm: same input, same bytes, block filled. */
    @ParameterizedTest
    @MethodSource("encodable")
    void nonFiniteValuesDoNoHarm(DType dtype) {
        TensorCodec codec = BlockCodecs.of(dtype).orElseThrow();
        for (float odd : new float[] {Float.NaN, Float.POSITIVE_INFINITY, Float.NEGATIVE_INFINITY}) {
            for (int at : new int[] {0, 17, 255, -1}) {
                float[] x = gaussian(256, 3);
                Arrays.fill(x, Math.max(at, 0), at < 0 ? 256 : at + 1, odd);
                byte[] first = new byte[(int) dtype.byteSize(256)];
                byte[] second = new byte[first.length];
                Arrays.fill(second, (byte) -1);
                codec.encode(MemorySegment.ofArray(x), 0, MemorySegment.ofArray(first), 0, 256);
                codec.encode(MemorySegment.ofArray(x), 0, MemorySegment.ofArray(second), 0, 256);
                assertThat(second).isEqualTo(first);
            }
        }
    }

    @ParameterizedTest
    @MethodSource("decodable")
    void anyBytesDecode(DType dtype) {
        TensorCodec codec = BlockCodecs.of(dtype).orElseThrow();
        byte[] stored = new byte[(int) dtype.byteSize(2560)];
        new Random(9).nextBytes(stored);
        float[] y = new float[2560];
        Arrays.fill(y, Float.MIN_VALUE);
        codec.decode(MemorySegment.ofArray(stored), 0, MemorySegment.ofArray(y), 0, 2560);
        assertThat(y).doesNotContain(Float.MIN_VALUE);
        codec.decode(MemorySegment.ofArray(stored), 0, MemorySegment.ofArray(y), 0, 0);
    }

    @ParameterizedTest
    @MethodSource("decodable")
    void refusesWhatDoesNotFit(DType dtype) {
        TensorCodec codec = BlockCodecs.of(dtype).orElseThrow();
        MemorySegment stored = MemorySegment.ofArray(new byte[dtype.blockBytes()]);
        MemorySegment floats = MemorySegment.ofArray(new float[dtype.blockElements()]);
        int n = dtype.blockElements();
        assertThatThrownBy(() -> codec.decode(stored, 0, floats, 0, n - 1))
                .isInstanceOf(IllegalArgumentException.class);
        assertThatThrownBy(() -> codec.decode(stored, 0, floats, 0, -n)).isInstanceOf(IllegalArgumentException.class);
        assertThatThrownBy(() -> codec.decode(stored, 1, floats, 0, n)).isInstanceOf(IndexOutOfBoundsException.class);
        assertThatThrownBy(() -> codec.decode(stored, 0, floats, 4, n)).isInstanceOf(IndexOutOfBoundsException.class);
        assertThatThrownBy(() -> codec.decode(stored, 0, floats, 0, 2L * n))
                .isInstanceOf(IndexOutOfBoundsException.class);
        if (!BlockCodecs.encodes(dtype)) {
            assertThatThrownBy(() -> codec.encode(floats, 0, stored, 0, n))
                    .isInstanceOf(UsageException.class)
                    .hasMessageContaining(dtype.name());
        }
    }

    @ParameterizedTest
    @EnumSource(DType.class)
    void onlyBlockTypesHaveABlockCodec(DType dtype) {
        assertThat(BlockCodecs.of(dtype).map(TensorCodec::dtype)).isIn(Optional.empty(), Optional.of(dtype));
        if (dtype.kind() != DType.Kind.BLOCK) {
            assertThat(BlockCodecs.of(dtype)).isEmpty();
        }
    }

    @Test
    void mxfp4ScalesCoverAllOfFloat32() {
        assertThat(exponent(0)).isZero();
        for (int e = 2; e <= 252; e++) {
            assertThat(exponent(Math.scalb(1f, e - 125))).isEqualTo(e);
            assertThat(exponent(Math.scalb(1.75f, e - 125))).isEqualTo(e);
        }
        // log2 as a float32 rounds up to the next power of two for the last floats below it, but not near 1.
        assertThat(exponent(Math.nextDown(1024f))).isEqualTo(10 - 2 + 127);
        assertThat(exponent(Math.nextDown(1f))).isEqualTo(-1 - 2 + 127);
        assertThat(exponent(Float.MAX_VALUE)).isEqualTo(253);
    }

    private static int exponent(float amax) {
        return Mxfp4Codec.exponent(Float.floatToRawIntBits(amax));
    }

    @Test
    void nvfp4ScalesFollowGgmlsRounding() {
        assertThat(Nvfp4Codec.scale(0)).isZero();
        assertThat(Nvfp4Codec.scale(Float.NaN)).isZero();
        assertThat(Nvfp4Codec.scale(Math.scalb(0.99f, -10))).isZero();
        assertThat(Nvfp4Codec.scale(Math.scalb(1f, -10))).isEqualTo(1);
        assertThat(Nvfp4Codec.scale(1)).isEqualTo(7 << 3);
        assertThat(Nvfp4Codec.scale(1.0625f)).as("a tie goes up").isEqualTo((7 << 3) + 1);
        assertThat(Nvfp4Codec.scale(247.9f)).isEqualTo(0x77);
        assertThat(Nvfp4Codec.scale(248)).isEqualTo(0x7E);
        assertThat(Nvfp4Codec.scale(Float.MAX_VALUE)).isEqualTo(0x7E);
    }

    private static float[] gaussian(int n, long seed) {
        var random = new Random(seed);
        float[] x = new float[n];
        for (int i = 0; i < n; i++) {
            x[i] = (float) random.nextGaussian();
        }
        return x;
    }

    private static byte[] bytesOf(float[] x) {
        byte[] bytes = new byte[4 * x.length];
        MemorySegment.copy(x, 0, MemorySegment.ofArray(bytes), F32, 0, x.length);
        return bytes;
    }

    private static String sha256(byte[] bytes) {
        try {
            return HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(bytes));
        } catch (NoSuchAlgorithmException e) {
            throw new AssertionError(e);
        }
    }
}
