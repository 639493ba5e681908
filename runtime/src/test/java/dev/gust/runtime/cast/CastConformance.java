package dev.gust.runtime.cast;

import static org.assertj.core.api.Assertions.assertThat;

import dev.gust.formats.codec.E8M0;
import dev.gust.formats.codec.FloatFormat;
import dev.gust.formats.codec.Rounding;
import dev.gust.formats.tensor.DType;
import dev.gust.runtime.device.Device;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.List;
import java.util.SplittableRandom;

/** Compares a device's codes with the formats' definitions, bit for bit. */
public final class CastConformance {
    /** Everything that is cast to. */
    public static final List<DType> TYPES = List.of(
            DType.F8_E4M3,
            DType.F8_E5M2,
            DType.F8_E4M3FNUZ,
            DType.F8_E5M2FNUZ,
            DType.F8_E8M0,
            DType.F6_E2M3,
            DType.F6_E3M2,
            DType.F4,
            DType.F16,
            DType.BF16);

    private CastConformance() {}

    /** Random bits, with every special value and every neighbourhood of a code's border among them. */
    static float[] values(DType dtype, int random) {
        var source = new SplittableRandom(7);
        var values = new java.util.ArrayList<Float>(List.of(
                0f,
                -0f,
                Float.NaN,
                Float.intBitsToFloat(0xffc00001),
                Float.POSITIVE_INFINITY,
                Float.NEGATIVE_INFINITY,
                Float.MIN_VALUE,
                -Float.MIN_VALUE,
                Float.MAX_VALUE,
                -Float.MAX_VALUE,
                Float.MIN_NORMAL,
                0x1p-127f,
                0x1.8p-127f));
        FloatFormat.of(dtype).ifPresent(f -> {
            for (int c = 0; c + 1 < f.signBit() && c < 300; c++) {
                float middle = (f.decode(c) + f.decode(c + 1)) / 2;
                for (float v : new float[] {f.decode(c), middle, Math.nextUp(middle), Math.nextDown(middle)}) {
                    values.add(v);
                    values.add(-v);
                }
            }
            values.add(f.max() * 1.03f);
            values.add(f.max() * 1.1f);
        });
        for (int i = 0; i < random; i++) {
            values.add(Float.intBitsToFloat(source.nextInt()));
            values.add((float) source.nextGaussian() * 4);
        }
        float[] array = new float[values.size()];
        for (int i = 0; i < array.length; i++) {
            array[i] = values.get(i);
        }
        return array;
    }

    /** Encodes on the device, and compares every code. */
    public static void checkEncode(Device device, DType dtype, boolean saturate, Rounding rounding) {
        float[] values = values(dtype, 1500);
        Cast cast = new Cast(dtype, Cast.Direction.ENCODE, saturate, rounding);
        int width = Math.toIntExact(cast.codeType().byteSize(1));
        try (Arena arena = Arena.ofShared();
                CastPlan plan = cast.prepare(device)) {
            MemorySegment floats = arena.allocateFrom(ValueLayout.JAVA_FLOAT, values);
            MemorySegment codes = arena.allocate((long) values.length * width);
            codes.fill((byte) 0xAD);
            plan.run(floats, values.length, codes);
            for (int i = 0; i < values.length; i++) {
                assertThat(code(codes, i, width))
                        .as("%s of %s (%08x) at %d", dtype, values[i], Float.floatToRawIntBits(values[i]), i)
                        .isEqualTo(expected(dtype, values[i], saturate, rounding, i));
            }
        }
    }

    private static int code(MemorySegment codes, int i, int width) {
        return width == 1
                ? Byte.toUnsignedInt(codes.get(ValueLayout.JAVA_BYTE, i))
                : Short.toUnsignedInt(codes.getAtIndex(ValueLayout.JAVA_SHORT, i));
    }

    private static int expected(DType dtype, float x, boolean saturate, Rounding rounding, int i) {
        return switch (rounding) {
            case Rounding.Even _ ->
                dtype == DType.F8_E8M0
                        ? E8M0.encode(x, saturate)
                        : FloatFormat.of(dtype).orElseThrow().encode(x, saturate);
            case Rounding.Stochastic random ->
                dtype == DType.F8_E8M0
                        ? E8M0.encodeStochastic(x, saturate, random.bitsAt(i))
                        : FloatFormat.of(dtype).orElseThrow().encodeStochastic(x, saturate, random.bitsAt(i));
        };
    }

    /** Decodes every code on the device, and compares the bits. */
    public static void checkDecode(Device device, DType dtype) {
        Cast cast = Cast.decode(dtype);
        int width = Math.toIntExact(cast.codeType().byteSize(1));
        int count = (1 << (8 * width)) - 1; // odd, so that a last word is cut
        try (Arena arena = Arena.ofShared();
                CastPlan plan = cast.prepare(device)) {
            MemorySegment codes = arena.allocate((long) count * width, 4);
            for (int c = 0; c < count; c++) {
                if (width == 1) {
                    codes.set(ValueLayout.JAVA_BYTE, c, (byte) c);
                } else {
                    codes.setAtIndex(ValueLayout.JAVA_SHORT, c, (short) c);
                }
            }
            MemorySegment floats = arena.allocate((long) count * Float.BYTES, 4);
            floats.fill((byte) 0xAD);
            plan.run(codes, count, floats);
            for (int c = 0; c < count; c++) {
                float value = dtype == DType.F8_E8M0
                        ? E8M0.decode(c)
                        : FloatFormat.of(dtype).orElseThrow().decode(c);
                assertThat(floats.getAtIndex(ValueLayout.JAVA_INT, c))
                        .as("%s code %x", dtype, c)
                        .isEqualTo(Float.floatToRawIntBits(value));
            }
        }
    }
}
