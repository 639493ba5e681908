package dev.gust.formats.gguf;

import dev.gust.formats.InputException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;

/** Reads a GGUF header from front to back. Nothing is read or allocated before the file is known to hold it. */
final class GgufCursor {
    static final ValueLayout.OfByte I8 = ValueLayout.JAVA_BYTE;
    static final ValueLayout.OfShort I16 = ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    static final ValueLayout.OfInt I32 = ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    static final ValueLayout.OfLong I64 = ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

    private final String location;
    private final MemorySegment file;
    private long position;

    GgufCursor(String location, MemorySegment file) {
        this.location = location;
        this.file = file;
    }

    long position() {
        return position;
    }

    InputException bad(String reason) {
        return InputException.of(location, reason, "get a sound copy of the file");
    }

    int int32(String what) {
        return file.get(I32, take(4, what));
    }

    long int64(String what) {
        return file.get(I64, take(8, what));
    }

    /**
     * A count of things of at least {@code leastBytes} each.
     *
     * @throws InputException if the rest of the file cannot hold that many
     */
    long count(String what, int leastBytes) {
        long count = int64("the number of " + what);
        long room = (file.byteSize() - position) / leastBytes;
        if (count < 0 || count > room) {
            throw bad("says it has " + Long.toUnsignedString(count) + " " + what + ", but has room for " + room
                    + " at most");
        }
        return count;
    }

    /** A length and as many bytes. */
    byte[] bytes(String what) {
        long length = count("bytes in " + what, 1);
        return bytes(length, what);
    }

    byte[] bytes(long length, String what) {
        long at = take(length, what);
        if (length > Integer.MAX_VALUE - 64) {
            throw bad(what + " has " + length + " bytes, more than this reader takes");
        }
        return file.asSlice(at, length).toArray(I8);
    }

    /** A name that must be UTF-8, since it is compared, looked up and written again as text. */
    String name(String what) {
        byte[] bytes = bytes(what);
        try {
            return StandardCharsets.UTF_8
                    .newDecoder()
                    .decode(ByteBuffer.wrap(bytes))
                    .toString();
        } catch (CharacterCodingException e) {
            throw InputException.of(location, what + " is not UTF-8", "get a sound copy of the file", e);
        }
    }

    GgufValue value(String key) {
        String what = "the value of '" + key + "'";
        GgufType type = type(what);
        return switch (type) {
            case STRING -> new GgufValue.Text(bytes(what));
            case ARRAY -> array(what);
            default -> GgufValue.Scalar.read(type, file, take(type.bytes(), what));
        };
    }

    private GgufValue array(String what) {
        GgufType type = type(what);
        if (type == GgufType.ARRAY) {
            throw bad(what + " is an array of arrays, which GGUF readers do not take");
        }
        long size = count("elements in " + what, type.isScalar() ? type.bytes() : 8);
        long start = position;
        if (type.isScalar()) {
            return new GgufValue.Array(type, size, bytes(size * type.bytes(), what));
        }
        for (long i = 0; i < size; i++) {
            take(count("bytes in an element of " + what, 1), what);
        }
        long end = position;
        position = start;
        return new GgufValue.Array(type, size, bytes(end - start, what));
    }

    private GgufType type(String what) {
        int id = int32("the type of " + what);
        return GgufType.byId(id).orElseThrow(() -> bad(what + " is of unknown type " + Integer.toUnsignedString(id)));
    }

    /** Moves on; returns where it was. */
    private long take(long bytes, String what) {
        if (bytes > file.byteSize() - position) {
            throw bad("ends at byte " + file.byteSize() + ", within " + what);
        }
        long at = position;
        position += bytes;
        return at;
    }
}
