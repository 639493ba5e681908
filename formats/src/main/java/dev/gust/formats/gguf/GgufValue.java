package dev.gust.formats.gguf;

import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.StringJoiner;

/**
 * One value of GGUF metadata. Values keep the bytes that the file has, so that what is read can be written again
 * unchanged: an F32 NaN, a BOOL of 2, a string that is not UTF-8. Equality is that of type and bytes.
 */
public sealed interface GgufValue {
    /** Its type in the file. */
    GgufType type();

    /** The bytes after the type, as the file has them. */
    byte[] payload();

    /** As text: the number, true or false, the string itself, or a list in brackets, cut short after 64 elements. */
    String text();

    static Scalar u8(int value) {
        return new Scalar(GgufType.U8, value & 0xFFL);
    }

    static Scalar i8(int value) {
        return new Scalar(GgufType.I8, (byte) value);
    }

    static Scalar u16(int value) {
        return new Scalar(GgufType.U16, value & 0xFFFFL);
    }

    static Scalar i16(int value) {
        return new Scalar(GgufType.I16, (short) value);
    }

    static Scalar u32(long value) {
        return new Scalar(GgufType.U32, value & 0xFFFFFFFFL);
    }

    static Scalar i32(int value) {
        return new Scalar(GgufType.I32, value);
    }

    static Scalar f32(float value) {
        return new Scalar(GgufType.F32, Float.floatToRawIntBits(value));
    }

    static Scalar bool(boolean value) {
        return new Scalar(GgufType.BOOL, value ? 1 : 0);
    }

    /**
     * An unsigned 64-bit integer.
     *
     * @param value its bits
     */
    static Scalar u64(long value) {
        return new Scalar(GgufType.U64, value);
    }

    static Scalar i64(long value) {
        return new Scalar(GgufType.I64, value);
    }

    static Scalar f64(double value) {
        return new Scalar(GgufType.F64, Double.doubleToRawLongBits(value));
    }

    static Text text(String value) {
        return new Text(value.getBytes(StandardCharsets.UTF_8));
    }

    /** An array of strings. */
    static Array strings(List<String> values) {
        byte[][] texts = values.stream().map(v -> text(v).payload()).toArray(byte[][]::new);
        int size = Arrays.stream(texts).mapToInt(t -> t.length).reduce(0, Math::addExact);
        ByteBuffer items = ByteBuffer.allocate(size);
        for (byte[] text : texts) {
            items.put(text);
        }
        return new Array(GgufType.STRING, values.size(), items.array());
    }

    /**
     * An array of numbers or booleans.
     *
     * @throws IllegalArgumentException if a value is not of that type
     */
    static Array array(GgufType elementType, List<Scalar> values) {
        ByteBuffer items = ByteBuffer.allocate(Math.multiplyExact(values.size(), elementType.bytes()));
        for (Scalar value : values) {
            if (value.type() != elementType) {
                throw new IllegalArgumentException(value.type() + " in an array of " + elementType);
            }
            items.put(value.payload());
        }
        return new Array(elementType, values.size(), items.array());
    }

    /**
     * A number or a boolean.
     *
     * @param type a scalar type
     * @param bits the value's bits, integers sign- or zero-extended by their type, floats as raw bits
     */
    record Scalar(GgufType type, long bits) implements GgufValue {
        public Scalar {
            if (!type.isScalar()) {
                throw new IllegalArgumentException(type + " is no scalar");
            }
        }

        /** The value as an integer; a float is truncated. U64 above 2^63 − 1 comes out negative. */
        public long asLong() {
            return switch (type) {
                case F32, F64 -> (long) asDouble();
                default -> bits;
            };
        }

        /** The value as a floating-point number. */
        public double asDouble() {
            return switch (type) {
                case F32 -> Float.intBitsToFloat((int) bits);
                case F64 -> Double.longBitsToDouble(bits);
                default -> bits;
            };
        }

        /** Whether the value is anything but zero. */
        public boolean asBoolean() {
            return bits != 0;
        }

        @Override
        public byte[] payload() {
            byte[] wide = ByteBuffer.allocate(8)
                    .order(ByteOrder.LITTLE_ENDIAN)
                    .putLong(bits)
                    .array();
            return Arrays.copyOf(wide, type.bytes());
        }

        @Override
        public String text() {
            return switch (type) {
                case F32 -> Float.toString(Float.intBitsToFloat((int) bits));
                case F64 -> Double.toString(asDouble());
                case BOOL -> Boolean.toString(asBoolean());
                case U64 -> Long.toUnsignedString(bits);
                default -> Long.toString(bits);
            };
        }

        static Scalar read(GgufType type, MemorySegment bytes, long at) {
            return new Scalar(
                    type,
                    switch (type) {
                        case U8, BOOL -> bytes.get(GgufCursor.I8, at) & 0xFFL;
                        case I8 -> bytes.get(GgufCursor.I8, at);
                        case U16 -> bytes.get(GgufCursor.I16, at) & 0xFFFFL;
                        case I16 -> bytes.get(GgufCursor.I16, at);
                        case U32 -> bytes.get(GgufCursor.I32, at) & 0xFFFFFFFFL;
                        case I32, F32 -> bytes.get(GgufCursor.I32, at);
                        case U64, I64, F64 -> bytes.get(GgufCursor.I64, at);
                        case STRING, ARRAY -> throw new IllegalArgumentException(type + " is no scalar");
                    });
        }
    }

    /** A string. GGUF says UTF-8, files do not always hold to it. */
    final class Text implements GgufValue {
        private final byte[] utf8;

        Text(byte[] utf8) {
            this.utf8 = utf8;
        }

        @Override
        public GgufType type() {
            return GgufType.STRING;
        }

        @Override
        public byte[] payload() {
            return ByteBuffer.allocate(Math.addExact(8, utf8.length))
                    .order(ByteOrder.LITTLE_ENDIAN)
                    .putLong(utf8.length)
                    .put(utf8)
                    .array();
        }

        @Override
        public String text() {
            return new String(utf8, StandardCharsets.UTF_8);
        }

        @Override
        public boolean equals(Object other) {
            return other instanceof Text text && Arrays.equals(utf8, text.utf8);
        }

        @Override
        public int hashCode() {
            return Arrays.hashCode(utf8);
        }

        @Override
        public String toString() {
            return text();
        }
    }

    /** Values of one type, which is not itself an array: llama.cpp reads no nested arrays, so none are accepted. */
    final class Array implements GgufValue {
        private static final int SHOWN = 64;

        private final GgufType elementType;
        private final long size;
        private final byte[] items;

        Array(GgufType elementType, long size, byte[] items) {
            if (elementType == GgufType.ARRAY) {
                throw new IllegalArgumentException("GGUF arrays do not nest");
            }
            this.elementType = elementType;
            this.size = size;
            this.items = items;
        }

        @Override
        public GgufType type() {
            return GgufType.ARRAY;
        }

        public GgufType elementType() {
            return elementType;
        }

        /** Number of elements. */
        public long size() {
            return size;
        }

        /** All elements, {@link Scalar}s or {@link Text}s. */
        public List<GgufValue> values() {
            return values(size);
        }

        private List<GgufValue> values(long count) {
            MemorySegment bytes = MemorySegment.ofArray(items);
            var values = new ArrayList<GgufValue>();
            long at = 0;
            for (long i = 0; i < count; i++) {
                if (elementType == GgufType.STRING) {
                    int length = (int) bytes.get(GgufCursor.I64, at);
                    values.add(new Text(Arrays.copyOfRange(items, (int) at + 8, (int) at + 8 + length)));
                    at += 8 + length;
                } else {
                    values.add(Scalar.read(elementType, bytes, at));
                    at += elementType.bytes();
                }
            }
            return values;
        }

        @Override
        public byte[] payload() {
            return ByteBuffer.allocate(Math.addExact(12, items.length))
                    .order(ByteOrder.LITTLE_ENDIAN)
                    .putInt(elementType.id())
                    .putLong(size)
                    .put(items)
                    .array();
        }

        @Override
        public String text() {
            var text = new StringJoiner(", ", "[", "]");
            for (GgufValue value : values(Math.min(size, SHOWN))) {
                text.add(value.text());
            }
            if (size > SHOWN) {
                text.add("… " + size + " in all");
            }
            return text.toString();
        }

        @Override
        public boolean equals(Object other) {
            return other instanceof Array array
                    && elementType == array.elementType
                    && size == array.size
                    && Arrays.equals(items, array.items);
        }

        @Override
        public int hashCode() {
            return 31 * elementType.hashCode() + Arrays.hashCode(items);
        }

        @Override
        public String toString() {
            return text();
        }
    }
}
