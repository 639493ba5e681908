package dev.gust.formats.arrow;

import static dev.gust.formats.arrow.CStruct.ARRAY;
import static dev.gust.formats.arrow.CStruct.SCHEMA;
import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_INT_UNALIGNED;
import static java.lang.foreign.ValueLayout.JAVA_LONG;
import static java.nio.charset.StandardCharsets.UTF_8;

import dev.gust.formats.InputException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.Map;
import org.apache.arrow.vector.types.FloatingPointPrecision;
import org.apache.arrow.vector.types.pojo.ArrowType;

/**
 * Reads the structures of Arrow's C data interface: the column that a schema describes, and where an array has its
 * values. Pointers cannot be checked; whatever else can be is.
 */
final class CImport {
    /** What errors begin with. */
    static final String COLUMN = "Arrow column";
    /** More than any field's metadata has; a length of nonsense must not lead far away. */
    private static final int MAX_METADATA = 1 << 20;

    private CImport() {}

    /**
     * Where a column has its innermost values.
     *
     * @param rows of the column
     * @param address of the first value
     */
    record Values(long rows, long address) {}

    /**
     * The column that a schema describes.
     *
     * @throws InputException if it is released, has a dictionary or is anything but numbers in fixed-size lists
     */
    static ArrowColumn column(MemorySegment schema) {
        checkHeld(SCHEMA, schema);
        String name = text(schema.get(JAVA_LONG, CStruct.NAME));
        Map<String, String> metadata = metadata(schema.get(JAVA_LONG, CStruct.METADATA));
        var lists = new ArrayList<Integer>();
        MemorySegment inner = schema;
        while (true) {
            if (inner.get(JAVA_LONG, SCHEMA.dictionary()) != 0) {
                throw bad(name, "is dictionary-encoded", "decode it first");
            }
            String format = text(inner.get(JAVA_LONG, CStruct.FORMAT));
            if (!format.startsWith("+w:")) {
                return new ArrowColumn(name, number(name, format), lists, metadata);
            }
            if (lists.size() == ArrowColumn.MAX_LISTS || inner.get(JAVA_LONG, SCHEMA.childCount()) != 1) {
                throw bad(name, "lists that are nested too deep or malformed", "");
            }
            lists.add(listSize(name, format));
            inner = SCHEMA.child(inner, 0);
        }
    }

    /**
     * Where an array of such a column has its values.
     *
     * @throws InputException if it is released, has nulls or is too short
     */
    static Values values(MemorySegment array, ArrowColumn column) {
        checkHeld(ARRAY, array);
        long rows = array.get(JAVA_LONG, CStruct.LENGTH);
        long begin = 0;
        long count = rows;
        MemorySegment inner = array;
        try {
            for (int level = 0; ; level++) {
                boolean list = level < column.lists().size();
                checkShape(column, inner, list);
                long offset = inner.get(JAVA_LONG, CStruct.OFFSET);
                if (offset < 0 || count < 0 || Math.addExact(begin, count) > inner.get(JAVA_LONG, CStruct.LENGTH)) {
                    throw bad(column.name(), "is shorter than it says", "");
                }
                long first = Math.addExact(offset, begin);
                checkNulls(column, inner, first, count);
                if (!list) {
                    long start = buffer(inner, 1);
                    if (start == 0 && count > 0) {
                        throw bad(column.name(), "has no values", "");
                    }
                    return new Values(rows, start + Math.multiplyExact(first, (long) column.valueBytes()));
                }
                long size = column.lists().get(level);
                begin = Math.multiplyExact(first, size);
                count = Math.multiplyExact(count, size);
                inner = ARRAY.child(inner, 0);
            }
        } catch (ArithmeticException e) {
            throw bad(column.name(), "has more values than can be counted", "");
        }
    }

    private static void checkHeld(CStruct layout, MemorySegment struct) {
        if (layout.isReleased(struct)) {
            throw InputException.of(COLUMN, "has been released or was never filled", "export it again");
        }
    }

    private static void checkShape(ArrowColumn column, MemorySegment array, boolean list) {
        if (array.get(JAVA_LONG, CStruct.BUFFER_COUNT) != (list ? 1 : 2)
                || array.get(JAVA_LONG, ARRAY.childCount()) != (list ? 1 : 0)) {
            throw bad(column.name(), "does not match its schema", "export both together");
        }
    }

    /** The count of nulls may be left out (−1); then the bits of the slice tell. */
    private static void checkNulls(ArrowColumn column, MemorySegment array, long first, long count) {
        long nulls = array.get(JAVA_LONG, CStruct.NULL_COUNT);
        long bitmap = buffer(array, 0);
        boolean any = nulls > 0;
        if (nulls < 0 && bitmap != 0 && count > 0) {
            MemorySegment bits = MemorySegment.ofAddress(bitmap).reinterpret((first + count + 7) / 8);
            for (long i = first; i < first + count && !any; i++) {
                any = (bits.get(JAVA_BYTE, i / 8) >> (i % 8) & 1) == 0;
            }
        }
        if (any) {
            throw bad(column.name(), "has nulls", "fill them in first");
        }
    }

    private static long buffer(MemorySegment array, int index) {
        long pointers = array.get(JAVA_LONG, CStruct.BUFFERS);
        return pointers == 0
                ? 0
                : MemorySegment.ofAddress(pointers)
                        .reinterpret((index + 1) * ValueLayout.ADDRESS.byteSize())
                        .getAtIndex(JAVA_LONG, index);
    }

    private static int listSize(String name, String format) {
        try {
            int size = Integer.parseInt(format.substring("+w:".length()));
            if (size >= 0) {
                return size;
            }
        } catch (NumberFormatException e) {
            // Refused below, as a negative size is.
        }
        throw bad(name, "unknown format '" + format + "'", "");
    }

    private static ArrowType number(String name, String format) {
        return switch (format) {
            case "g" -> new ArrowType.FloatingPoint(FloatingPointPrecision.DOUBLE);
            case "f" -> new ArrowType.FloatingPoint(FloatingPointPrecision.SINGLE);
            case "e" -> new ArrowType.FloatingPoint(FloatingPointPrecision.HALF);
            case "l", "L" -> new ArrowType.Int(64, format.equals("l"));
            case "i", "I" -> new ArrowType.Int(32, format.equals("i"));
            case "s", "S" -> new ArrowType.Int(16, format.equals("s"));
            case "c", "C" -> new ArrowType.Int(8, format.equals("c"));
            default ->
                throw bad(
                        name,
                        "a column of format '" + format + "', which is not of numbers",
                        "convert it to numbers, fixed-size lists or fixed-shape tensors of numbers");
        };
    }

    private static String text(long address) {
        return address == 0
                ? ""
                : MemorySegment.ofAddress(address)
                        .reinterpret(Integer.MAX_VALUE)
                        .getString(0, UTF_8);
    }

    private static Map<String, String> metadata(long address) {
        var metadata = new LinkedHashMap<String, String>();
        if (address == 0) {
            return metadata;
        }
        MemorySegment bytes = MemorySegment.ofAddress(address).reinterpret(Long.MAX_VALUE - address);
        int pairs = bytes.get(JAVA_INT_UNALIGNED, 0);
        long at = Integer.BYTES;
        for (int i = 0; i < pairs; i++) {
            var parts = new ArrayList<String>(2);
            for (int part = 0; part < 2; part++) {
                int length = bytes.get(JAVA_INT_UNALIGNED, at);
                if (length < 0 || at > MAX_METADATA) {
                    throw InputException.of(COLUMN, "has malformed metadata", "export it again");
                }
                at += Integer.BYTES;
                parts.add(new String(bytes.asSlice(at, length).toArray(JAVA_BYTE), UTF_8));
                at += length;
            }
            metadata.put(parts.get(0), parts.get(1));
        }
        return metadata;
    }

    private static InputException bad(String column, String reason, String remedy) {
        return InputException.ofTensor(COLUMN, column, reason, remedy);
    }
}
