package dev.gust.formats.onnx;

import dev.gust.formats.InputException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;

/**
 * Steps through the fields of one protobuf message in mapped memory, as the protobuf page on its wire format describes
 * them. Nothing is copied but texts; every length is held against the message it is in before it is believed.
 *
 * <p>Call {@link #next()}, then exactly one of the methods that take the value.
 */
final class WireReader {
    private static final int VARINT = 0;
    private static final int FIXED64 = 1;
    private static final int BYTES = 2;
    private static final int FIXED32 = 5;

    /** Longer than any name; a text is the only thing that is copied to the heap as it stands. */
    private static final long MAX_TEXT_BYTES = 16L << 20;

    private static final ValueLayout.OfInt INT = ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final ValueLayout.OfLong LONG = ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

    private final MemorySegment data;
    private final String location;
    private final long end;
    private long position;
    private int field;
    private int wireType;

    /**
     * A stretch of the file.
     *
     * @param offset its first byte
     * @param length its bytes
     */
    record Span(long offset, long length) {}

    WireReader(MemorySegment data, String location, Span message) {
        this.data = data;
        this.location = location;
        this.position = message.offset();
        this.end = message.offset() + message.length();
    }

    /** Moves to the next field; false at the end of the message. */
    boolean next() {
        if (position == end) {
            return false;
        }
        long tag = rawVarint();
        long number = tag >>> 3;
        if (number == 0 || number >= 1 << 29) {
            throw damaged("field number " + Long.toUnsignedString(number));
        }
        field = (int) number;
        wireType = (int) (tag & 7);
        return true;
    }

    /** The number of the current field. */
    int field() {
        return field;
    }

    /** Whether the current field is a run of bytes, as a packed list is. */
    boolean isBytes() {
        return wireType == BYTES;
    }

    /** Whether anything is left: a packed list is read value by value until there is not. */
    boolean hasMore() {
        return position < end;
    }

    /** The field's value, an integer of up to 64 bits. */
    long varint() {
        require(VARINT);
        return rawVarint();
    }

    /** The next integer, without a tag in front. */
    long rawVarint() {
        long value = 0;
        for (int shift = 0; shift < 64; shift += 7) {
            long b = data.get(ValueLayout.JAVA_BYTE, take(1));
            value |= (b & 0x7F) << shift;
            if (b >= 0) {
                if (shift == 63 && b > 1) {
                    break;
                }
                return value;
            }
        }
        throw damaged("an integer of more than 64 bits");
    }

    /** The field's value, the bits of a float. */
    int fixed32() {
        require(FIXED32);
        return data.get(INT, take(Integer.BYTES));
    }

    /** The field's value, the bits of a double. */
    long fixed64() {
        require(FIXED64);
        return data.get(LONG, take(Long.BYTES));
    }

    /** Where the field's bytes are. */
    Span bytes() {
        require(BYTES);
        long length = rawVarint();
        // As unsigned: a length past 2^63 is a lie too.
        if (length < 0 || length > end - position) {
            throw damaged("a length of " + Long.toUnsignedString(length) + " where " + (end - position) + " are left");
        }
        return new Span(take(length), length);
    }

    /** The field's bytes as a message, or as a packed list of integers. */
    WireReader message() {
        return new WireReader(data, location, bytes());
    }

    /** The field's bytes as text. */
    String text() {
        Span span = bytes();
        if (span.length() > MAX_TEXT_BYTES) {
            throw damaged("a text of " + span.length() + " bytes");
        }
        ByteBuffer utf8 = data.asSlice(span.offset(), span.length()).asByteBuffer();
        try {
            return StandardCharsets.UTF_8.newDecoder().decode(utf8).toString();
        } catch (CharacterCodingException e) {
            throw damaged("a text that is not UTF-8");
        }
    }

    /** Passes over the field's value. */
    void skip() {
        switch (wireType) {
            case VARINT -> rawVarint();
            case FIXED64 -> take(Long.BYTES);
            case BYTES -> bytes();
            case FIXED32 -> take(Integer.BYTES);
            default -> throw damaged("wire type " + wireType);
        }
    }

    private void require(int expected) {
        if (wireType != expected) {
            throw damaged("field " + field + " of wire type " + wireType + ", not " + expected);
        }
    }

    private long take(long bytes) {
        if (bytes > end - position) {
            throw damaged("the end, " + (bytes - (end - position)) + " bytes too early");
        }
        long at = position;
        position += bytes;
        return at;
    }

    private InputException damaged(String found) {
        return InputException.of(
                location, "byte " + position + ": " + found, "the file was cut off, is damaged, or is not ONNX");
    }
}
