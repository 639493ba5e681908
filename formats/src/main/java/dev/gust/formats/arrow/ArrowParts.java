package dev.gust.formats.arrow;

import dev.gust.formats.InputException;
import dev.gust.formats.arrow.IpcMetadata.Extent;
import dev.gust.formats.tensor.TensorInfo;
import java.util.ArrayList;
import java.util.List;

/** Collects the columns over which one large tensor is spread. They stand side by side, in order. */
final class ArrowParts {
    private final String where;
    private final List<Extent> extents = new ArrayList<>();
    private final List<ArrowColumn> columns = new ArrayList<>();
    private long bytes;

    ArrowParts(String where) {
        this.where = where;
    }

    /**
     * The next part.
     *
     * @throws InputException if it is not the next, or says otherwise than the first what it is part of
     */
    void add(ArrowColumn column, List<Extent> more) {
        String part = column.metadata().getOrDefault(ArrowColumn.PART, "");
        String expected = columns.size() + "/";
        if (!part.startsWith(expected) || (!columns.isEmpty() && !sameTensor(columns.getFirst(), column))) {
            throw bad(column, "part '" + part + "' where " + expected + " belongs");
        }
        columns.add(column);
        for (Extent extent : more) {
            extents.add(extent);
            bytes += extent.bytes();
            if (bytes < 0) {
                throw bad(column, "parts that overlap");
            }
        }
    }

    /**
     * The whole tensor.
     *
     * @throws InputException if parts are missing or do not add up to it
     */
    TensorInfo info() {
        ArrowColumn last = columns.getLast();
        if (!last.metadata().getOrDefault(ArrowColumn.PART, "").equals((columns.size() - 1) + "/" + columns.size())) {
            throw bad(last, "is not the last of " + columns.size() + " parts");
        }
        return last.info(where, 1, bytes);
    }

    List<Extent> extents() {
        return extents;
    }

    private static boolean sameTensor(ArrowColumn first, ArrowColumn other) {
        return first.value().equals(other.value())
                && declared(first, ArrowColumn.DTYPE).equals(declared(other, ArrowColumn.DTYPE))
                && declared(first, ArrowColumn.SHAPE).equals(declared(other, ArrowColumn.SHAPE))
                && count(first).equals(count(other));
    }

    private static String declared(ArrowColumn column, String key) {
        return column.metadata().getOrDefault(key, "");
    }

    private static String count(ArrowColumn column) {
        String part = declared(column, ArrowColumn.PART);
        return part.substring(part.indexOf('/') + 1);
    }

    private InputException bad(ArrowColumn column, String reason) {
        return InputException.ofTensor(where, column.name(), reason, "write the file again");
    }
}
