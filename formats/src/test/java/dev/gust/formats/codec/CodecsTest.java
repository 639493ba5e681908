package dev.gust.formats.codec;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import dev.gust.formats.tensor.DType;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.math.BigDecimal;
import java.math.BigInteger;
import java.math.RoundingMode;
import java.nio.ByteOrder;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.FieldSource;

class CodecsTest {
    static final List<DType> PLAIN = Arrays.stream(DType.values())
            .filter(d -> d.kind() != DType.Kind.BLOCK && d.kind() != DType.Kind.COMPLEX)
            .toList();

    private static final ValueLayout.OfFloat FLOAT =
            ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final int[] LENGTHS = {0, 1, 2, 3, 7, 15, 16, 17, 31, 33, 63, 65, 1000, 4099};
    private static final byte UNTOUCHED = (byte) 0xa5;

    @ParameterizedTest
    @FieldSource("PLAIN")
    void encodesAnyLengthAtAnyOffsetAsOneByOne(DType dtype) {
        TensorCodec codec = Codecs.of(dtype).orElseThrow();
        var random = new Random(11);
        try (Arena arena = Arena.ofConfined()) {
            for (int length : LENGTHS) {
                int count = Math.ceilDiv(length, dtype.blockElements()) * dtype.blockElements();
                for (boolean heap : new boolean[] {false, true}) {
                    int floatsOffset = 1 + random.nextInt(7);
                    int storedOffset = 1 + random.nextInt(7);
                    int bytes = (int) dtype.byteSize(count);
                    MemorySegment floats = segment(arena, heap, floatsOffset + 4 * count);
                    MemorySegment stored = segment(arena, heap, storedOffset + bytes + 9);
                    stored.fill(UNTOUCHED);
                    for (int i = 0; i < count; i++) {
                        floats.set(FLOAT, floatsOffset + 4L * i, input(random, dtype));
                    }
                    codec.encode(floats, floatsOffset, stored, storedOffset, count);
                    for (int i = 0; i < count; i++) {
                        float x = floats.get(FLOAT, floatsOffset + 4L * i);
                        assertThat(code(dtype, stored, storedOffset, i))
                                .as("%s element %d of %d: %s", dtype, i, count, x)
                                .isEqualTo(expectedCode(dtype, x));
                    }
                    assertUntouched(stored, 0, storedOffset);
                    assertUntouched(stored, storedOffset + bytes, stored.byteSize());
                }
            }
        }
    }

    @ParameterizedTest
    @FieldSource("PLAIN")
    void decodesAnyLengthAtAnyOffsetAsOneByOne(DType dtype) {
        TensorCodec codec = Codecs.of(dtype).orElseThrow();
        var random = new Random(12);
        try (Arena arena = Arena.ofConfined()) {
            for (int length : LENGTHS) {
                int count = Math.ceilDiv(length, dtype.blockElements()) * dtype.blockElements();
                for (boolean heap : new boolean[] {false, true}) {
                    int floatsOffset = 1 + random.nextInt(7);
                    int storedOffset = 1 + random.nextInt(7);
                    byte[] bytes = new byte[storedOffset + (int) dtype.byteSize(count)];
                    random.nextBytes(bytes);
                    MemorySegment stored = segment(arena, heap, bytes.length);
                    MemorySegment.copy(MemorySegment.ofArray(bytes), 0, stored, 0, bytes.length);
                    MemorySegment floats = segment(arena, heap, floatsOffset + 4 * count + 9);
                    floats.fill(UNTOUCHED);
                    codec.decode(stored, storedOffset, floats, floatsOffset, count);
                    for (int i = 0; i < count; i++) {
                        long code = code(dtype, stored, storedOffset, i);
                        float value = floats.get(FLOAT, floatsOffset + 4L * i);
                        float expected = expectedValue(dtype, code);
                        assertThat(Float.floatToIntBits(value))
                                .as("%s element %d of %d: code %x", dtype, i, count, code)
                                .isEqualTo(Float.floatToIntBits(expected));
                    }
                    assertUntouched(floats, 0, floatsOffset);
                    assertUntouched(floats, floatsOffset + 4L * count, floats.byteSize());
                }
            }
        }
    }

    @Test
    void packsTheFirstElementLowest() {
        assertThat(encode(DType.F4, 1f, -6f)).containsExactly(0xf2);
        assertThat(encode(DType.I4, -8f, 7f)).containsExactly(0x78);
        // Codes 0x08, 0x3f, 0x01, 0x20 from the lowest bits up: 6 bits each.
        int dense = 0x08 | 0x3f << 6 | 0x01 << 12 | 0x20 << 18;
        assertThat(encode(DType.F6_E2M3, 1f, -7.5f, 0.125f, -0f))
                .containsExactly(dense & 0xff, dense >> 8 & 0xff, dense >> 16);
    }

    @Test
    void overflowFollowsTheType() {
        assertThat(roundTrip(DType.F8_E4M3, 1e6f)).isEqualTo(448f);
        assertThat(roundTrip(DType.F8_E5M2, Float.NEGATIVE_INFINITY)).isEqualTo(-57344f);
        assertThat(roundTrip(DType.F8_E8M0, Float.MAX_VALUE)).isEqualTo(0x1p127f);
        assertThat(roundTrip(DType.F16, 65520f)).isEqualTo(Float.POSITIVE_INFINITY);
        assertThat(roundTrip(DType.BF16, Float.MAX_VALUE)).isEqualTo(Float.POSITIVE_INFINITY);
        assertThat(roundTrip(DType.I8, -1000f)).isEqualTo(-128f);
        assertThat(roundTrip(DType.U16, -3f)).isZero();
        assertThat(roundTrip(DType.I32, 1e20f)).isEqualTo(0x1p31f);
        assertThat(roundTrip(DType.U64, 1e30f)).isEqualTo(0x1p64f);
        assertThat(roundTrip(DType.I16, Float.NaN)).isZero();
        assertThat(roundTrip(DType.F64, Float.NaN)).isNaN();
        assertThat(roundTrip(DType.BOOL, Float.NaN)).isEqualTo(1f);
    }

    @Test
    void integersRoundToEven() {
        for (DType dtype : List.of(DType.I8, DType.I16, DType.I32, DType.I64)) {
            assertThat(roundTrip(dtype, 2.5f)).isEqualTo(2f);
            assertThat(roundTrip(dtype, -3.5f)).isEqualTo(-4f);
            assertThat(roundTrip(dtype, Math.nextUp(0.5f))).isEqualTo(1f);
        }
    }

    @Test
    void unsignedLongsRoundOnce() {
        // Between 2^63 and 2^64 floats are 2^40 apart: just past a tie must go up although its low bit alone says so.
        long tie = 0x8000_0080_0000_0000L;
        assertThat(IntegerFormat.U64.decode(tie)).isEqualTo(0x1p63f);
        assertThat(IntegerFormat.U64.decode(tie + 1)).isEqualTo(Math.nextUp(0x1p63f));
        assertThat(IntegerFormat.U64.decode(-1)).isEqualTo(0x1p64f);
        assertThat(IntegerFormat.U64.encode(0x1.8p63f)).isEqualTo(0xc000_0000_0000_0000L);
    }

    @Test
    void doublesRoundOnce() {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment stored = arena.allocate(8);
            MemorySegment floats = arena.allocate(4);
            stored.set(ValueLayout.JAVA_DOUBLE, 0, 1 + 0x1p-24 + 0x1p-50);
            Codecs.of(DType.F64).orElseThrow().decode(stored, 0, floats, 0, 1);
            assertThat(floats.get(FLOAT, 0)).isEqualTo(Math.nextUp(1f));
        }
    }

    @Test
    void refusesPartsOfBlocks() {
        TensorCodec codec = Codecs.of(DType.F6_E3M2).orElseThrow();
        MemorySegment memory = MemorySegment.ofArray(new byte[64]);
        assertThatIllegalArgumentException()
                .isThrownBy(() -> codec.encode(memory, 0, memory, 32, 3))
                .withMessageContaining("3 elements");
        assertThatIllegalArgumentException().isThrownBy(() -> codec.decode(memory, 0, memory, 0, -4));
    }

    @ParameterizedTest
    @EnumSource(DType.class)
    void everyTypeHasItsCodecOrNone(DType dtype) {
        Codecs.of(dtype).ifPresent(codec -> assertThat(codec.dtype()).isEqualTo(dtype));
        if (PLAIN.contains(dtype)) {
            assertThat(Codecs.of(dtype)).isPresent();
        }
    }

    private static MemorySegment segment(Arena arena, boolean heap, int bytes) {
        return heap ? MemorySegment.ofArray(new byte[bytes]) : arena.allocate(bytes);
    }

    /** Mostly values in the type's range, with specials and arbitrary bits between. */
    private static float input(Random random, DType dtype) {
        return switch (random.nextInt(8)) {
            case 0 -> Float.intBitsToFloat(random.nextInt());
            case 1 ->
                new float[] {0f, -0f, Float.NaN, Float.POSITIVE_INFINITY, Float.NEGATIVE_INFINITY, 0.5f, 448f, -1e-40f}
                        [random.nextInt(8)];
            case 2 -> random.nextInt(-70000, 70000) + 0.5f;
            default -> (float) random.nextGaussian() * (dtype == DType.F4 ? 3 : 20);
        };
    }

    private static long expectedCode(DType dtype, float x) {
        boolean ieee = dtype == DType.F16 || dtype == DType.BF16;
        return FloatFormat.of(dtype).map(f -> (long) f.encode(x, !ieee)).orElseGet(() -> switch (dtype) {
            case F64 -> Double.doubleToRawLongBits(x);
            case F32 -> Float.floatToRawIntBits(x) & 0xffff_ffffL;
            case F8_E8M0 -> (long) E8M0.encode(x, true);
            case BOOL -> x == 0 ? 0L : 1L;
            default -> expectedInteger(dtype, x);
        });
    }

    private static long expectedInteger(DType dtype, float x) {
        if (Float.isNaN(x)) {
            return 0;
        }
        int bits = bits(dtype);
        boolean signed = dtype.kind() == DType.Kind.INT;
        var min = signed ? BigInteger.TWO.pow(bits - 1).negate() : BigInteger.ZERO;
        var max = BigInteger.TWO.pow(signed ? bits - 1 : bits).subtract(BigInteger.ONE);
        if (Float.isInfinite(x)) {
            return (x > 0 ? max : min).longValue() & -1L >>> (64 - bits);
        }
        var nearest = new BigDecimal(x).setScale(0, RoundingMode.HALF_EVEN).toBigInteger();
        return nearest.max(min).min(max).longValue() & -1L >>> (64 - bits);
    }

    private static float expectedValue(DType dtype, long code) {
        return FloatFormat.of(dtype).map(f -> f.decode((int) code)).orElseGet(() -> switch (dtype) {
            case F64 -> (float) Double.longBitsToDouble(code);
            case F32 -> Float.intBitsToFloat((int) code);
            case F8_E8M0 -> E8M0.decode((int) code);
            case BOOL -> code == 0 ? 0f : 1f;
            case I64, I32, I16, I8, I4 -> (float) (code << (64 - bits(dtype)) >> (64 - bits(dtype)));
            default -> new BigDecimal(Long.toUnsignedString(code)).floatValue();
        });
    }

    private static int bits(DType dtype) {
        return 8 * dtype.blockBytes() / dtype.blockElements();
    }

    /** Element i's bits, fished out one at a time. */
    private static long code(DType dtype, MemorySegment stored, long offset, int i) {
        int bits = bits(dtype);
        long code = 0;
        for (int b = 0; b < bits; b++) {
            long position = (long) i * bits + b;
            int octet = stored.get(ValueLayout.JAVA_BYTE, offset + position / 8);
            code |= (long) (octet >> (position % 8) & 1) << b;
        }
        return code;
    }

    private static void assertUntouched(MemorySegment segment, long from, long to) {
        for (long i = from; i < to; i++) {
            assertThat(segment.get(ValueLayout.JAVA_BYTE, i)).as("byte %d", i).isEqualTo(UNTOUCHED);
        }
    }

    private static int[] encode(DType dtype, float... x) {
        byte[] stored = new byte[(int) dtype.byteSize(x.length)];
        Codecs.of(dtype).orElseThrow().encode(MemorySegment.ofArray(x), 0, MemorySegment.ofArray(stored), 0, x.length);
        int[] unsigned = new int[stored.length];
        Arrays.setAll(unsigned, i -> stored[i] & 0xff);
        return unsigned;
    }

    private static float roundTrip(DType dtype, float x) {
        TensorCodec codec = Codecs.of(dtype).orElseThrow();
        float[] block = new float[32];
        Arrays.fill(block, x);
        MemorySegment stored = MemorySegment.ofArray(new byte[(int) dtype.byteSize(32)]);
        codec.encode(MemorySegment.ofArray(block), 0, stored, 0, 32);
        codec.decode(stored, 0, MemorySegment.ofArray(block), 0, 32);
        for (float back : block) {
            assertThat(Float.floatToIntBits(back)).isEqualTo(Float.floatToIntBits(block[0]));
        }
        return block[0];
    }
}
