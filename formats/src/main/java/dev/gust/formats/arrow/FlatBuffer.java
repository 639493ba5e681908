package dev.gust.formats.arrow;

import static java.nio.charset.StandardCharsets.UTF_8;

import dev.gust.formats.InputException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * Reads a flatbuffer that may lie: every offset is checked before it is followed. Flatbuffers can share parts, so a small
 * one can unfold into a huge tree; what is read in all is therefore limited to a multiple of the buffer's size.
 *
 * @see <a href="https://flatbuffers.dev/internals/">FlatBuffers internals</a>
 */
final class FlatBuffer {
    private static final ValueLayout.OfShort SHORT =
            ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final ValueLayout.OfInt INT = ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final ValueLayout.OfLong LONG = ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

    /** An honest writer refers to each part once; some share equal strings. */
    private static final long READS_PER_BYTE = 8;

    private final String where;
    private final MemorySegment bytes;
    private long budget;

    private FlatBuffer(String where, MemorySegment bytes) {
        this.where = where;
        this.bytes = bytes;
        this.budget = READS_PER_BYTE * bytes.byteSize();
    }

    /**
     * The root table of a flatbuffer.
     *
     * @param where the file, for errors
     */
    static Table root(String where, MemorySegment bytes) {
        return new FlatBuffer(where, bytes).follow(0);
    }

    /** A table; fields are numbered in the order in which its schema declares them. */
    final class Table {
        private final long start;
        private final long fields;
        private final int fieldsSize;

        private Table(long start) {
            this.start = start;
            this.fields = start - getInt(start);
            this.fieldsSize = Short.toUnsignedInt(getShort(fields));
            if (fieldsSize < 4) {
                throw malformed();
            }
            spend(4 + fieldsSize);
            check(fields, fieldsSize);
        }

        /** Where a field is, or 0 if it is left out. */
        private long at(int field) {
            int slot = 4 + 2 * field;
            int offset = slot + 2 > fieldsSize ? 0 : Short.toUnsignedInt(getShort(fields + slot));
            return offset == 0 ? 0 : start + offset;
        }

        boolean has(int field) {
            return at(field) != 0;
        }

        int byteAt(int field) {
            long at = at(field);
            return at == 0 ? 0 : Byte.toUnsignedInt(getByte(at));
        }

        int shortAt(int field) {
            long at = at(field);
            return at == 0 ? 0 : getShort(at);
        }

        int intAt(int field) {
            long at = at(field);
            return at == 0 ? 0 : getInt(at);
        }

        long longAt(int field) {
            long at = at(field);
            return at == 0 ? 0 : getLong(at);
        }

        Optional<Table> table(int field) {
            long at = at(field);
            return at == 0 ? Optional.empty() : Optional.of(follow(at));
        }

        /** The text of a field, empty if it is left out. */
        String text(int field) {
            long at = at(field);
            if (at == 0) {
                return "";
            }
            Vector vector = vectorAt(at, 1);
            return new String(bytes.asSlice(vector.start, vector.size).toArray(ValueLayout.JAVA_BYTE), UTF_8);
        }

        /** The tables that a field lists. */
        List<Table> tables(int field) {
            Vector offsets = vector(field, 4);
            var tables = new ArrayList<Table>(offsets.size);
            for (int i = 0; i < offsets.size; i++) {
                tables.add(follow(offsets.start + 4L * i));
            }
            return tables;
        }

        /** Keys and values, a common shape in Arrow's metadata; of equal keys the first counts. */
        Map<String, String> pairs(int field) {
            var pairs = new LinkedHashMap<String, String>();
            for (Table pair : tables(field)) {
                pairs.putIfAbsent(pair.text(0), pair.text(1));
            }
            return pairs;
        }

        /** The structures of {@code width} bytes that a field lists. */
        Vector vector(int field, int width) {
            long at = at(field);
            return at == 0 ? new Vector(0, 0, width) : vectorAt(at, width);
        }
    }

    /** Structures one after the other. */
    final class Vector {
        private final long start;
        private final int size;
        private final int width;

        private Vector(long start, int size, int width) {
            this.start = start;
            this.size = size;
            this.width = width;
        }

        int size() {
            return size;
        }

        int intAt(int index, int offset) {
            return getInt(start + (long) index * width + offset);
        }

        long longAt(int index, int offset) {
            return getLong(start + (long) index * width + offset);
        }
    }

    private Table follow(long at) {
        return new Table(at + Integer.toUnsignedLong(getInt(at)));
    }

    private Vector vectorAt(long at, int width) {
        long start = at + Integer.toUnsignedLong(getInt(at));
        int size = getInt(start);
        if (size < 0) {
            throw malformed();
        }
        check(start + 4, (long) size * width);
        spend((long) size * width);
        return new Vector(start + 4, size, width);
    }

    private byte getByte(long at) {
        check(at, 1);
        return bytes.get(ValueLayout.JAVA_BYTE, at);
    }

    private short getShort(long at) {
        check(at, 2);
        return bytes.get(SHORT, at);
    }

    private int getInt(long at) {
        check(at, 4);
        return bytes.get(INT, at);
    }

    private long getLong(long at) {
        check(at, 8);
        return bytes.get(LONG, at);
    }

    private void check(long at, long size) {
        if (at < 0 || size > bytes.byteSize() - at) {
            throw malformed();
        }
    }

    private void spend(long read) {
        budget -= read;
        if (budget < 0) {
            throw malformed();
        }
    }

    private InputException malformed() {
        return InputException.of(where, "malformed Arrow metadata", "the file is damaged: write it again");
    }
}
