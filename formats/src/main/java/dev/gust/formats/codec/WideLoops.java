package dev.gust.formats.codec;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;

/**
 * The bulk loops of the codecs for types as wide as float32 or wider. Plain Java: such tensors are rare and small, and
 * memory limits the speed.
 */
final class WideLoops {
    private static final ValueLayout.OfFloat FLOAT =
            ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final ValueLayout.OfDouble DOUBLE =
            ValueLayout.JAVA_DOUBLE_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final ValueLayout.OfInt INT = ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final ValueLayout.OfLong LONG = ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

    private WideLoops() {}

    static void copy(MemorySegment source, long from, MemorySegment target, long to, long count) {
        MemorySegment.copy(source, from, target, to, 4 * count);
    }

    static void encodeF64(MemorySegment floats, long from, MemorySegment stored, long to, long count) {
        for (long i = 0; i < count; i++) {
            stored.set(DOUBLE, to + 8 * i, floats.get(FLOAT, from + 4 * i));
        }
    }

    static void decodeF64(MemorySegment stored, long from, MemorySegment floats, long to, long count) {
        for (long i = 0; i < count; i++) {
            floats.set(FLOAT, to + 4 * i, (float) stored.get(DOUBLE, from + 8 * i));
        }
    }

    static void encodeI32(MemorySegment floats, long from, MemorySegment stored, long to, long count) {
        for (long i = 0; i < count; i++) {
            stored.set(INT, to + 4 * i, (int) IntegerFormat.I32.encode(floats.get(FLOAT, from + 4 * i)));
        }
    }

    static void encodeU32(MemorySegment floats, long from, MemorySegment stored, long to, long count) {
        for (long i = 0; i < count; i++) {
            stored.set(INT, to + 4 * i, (int) IntegerFormat.U32.encode(floats.get(FLOAT, from + 4 * i)));
        }
    }

    static void decodeU32(MemorySegment stored, long from, MemorySegment floats, long to, long count) {
        for (long i = 0; i < count; i++) {
            floats.set(FLOAT, to + 4 * i, IntegerFormat.U32.decode(stored.get(INT, from + 4 * i)));
        }
    }

    static void encodeI64(MemorySegment floats, long from, MemorySegment stored, long to, long count) {
        for (long i = 0; i < count; i++) {
            stored.set(LONG, to + 8 * i, IntegerFormat.I64.encode(floats.get(FLOAT, from + 4 * i)));
        }
    }

    static void decodeI64(MemorySegment stored, long from, MemorySegment floats, long to, long count) {
        for (long i = 0; i < count; i++) {
            floats.set(FLOAT, to + 4 * i, (float) stored.get(LONG, from + 8 * i));
        }
    }

    static void encodeU64(MemorySegment floats, long from, MemorySegment stored, long to, long count) {
        for (long i = 0; i < count; i++) {
            stored.set(LONG, to + 8 * i, IntegerFormat.U64.encode(floats.get(FLOAT, from + 4 * i)));
        }
    }

    static void decodeU64(MemorySegment stored, long from, MemorySegment floats, long to, long count) {
        for (long i = 0; i < count; i++) {
            floats.set(FLOAT, to + 4 * i, IntegerFormat.U64.decode(stored.get(LONG, from + 8 * i)));
        }
    }
}
