package dev.gust.formats.onnx;

import dev.gust.formats.InputException;
import dev.gust.formats.onnx.WireReader.Span;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.Optional;

/**
 * Elements that a TensorProto lists in a typed field instead of as raw bytes: floats and doubles as they are, integers
 * (and the bit patterns of narrow types) as varints, in one packed run or many, or one field each.
 */
final class TypedElements {
    private static final ValueLayout.OfShort SHORT =
            ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final ValueLayout.OfInt INT = ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final ValueLayout.OfLong LONG = ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

    private final MemorySegment file;
    private final String location;
    private final TensorProto proto;
    private final OnnxType type;

    TypedElements(MemorySegment file, String location, TensorProto proto, OnnxType type) {
        this.file = file;
        this.location = location;
        this.proto = proto;
        this.type = type;
    }

    /** Bytes that the entries stand for once decoded. */
    long byteSize() {
        long bytes = 0;
        for (WireReader reader = message(); reader.next(); ) {
            if (reader.field() != type.dataField()) {
                reader.skip();
            } else if (isFixed() && reader.isBytes()) {
                bytes += wholeEntries(reader.bytes()).length();
            } else if (reader.isBytes()) {
                for (WireReader packed = reader.message(); packed.hasMore(); bytes += type.entryBytes()) {
                    packed.rawVarint();
                }
            } else {
                reader.skip();
                bytes += type.entryBytes();
            }
        }
        return bytes;
    }

    /** Where the elements are stored just as we want them: floats or doubles in one packed run. */
    Optional<Span> inPlace() {
        Optional<Span> run = Optional.empty();
        for (WireReader reader = message(); reader.next(); ) {
            if (reader.field() != type.dataField()) {
                reader.skip();
            } else if (run.isPresent() || !isFixed() || !reader.isBytes()) {
                return Optional.empty();
            } else {
                run = Optional.of(reader.bytes());
            }
        }
        return run;
    }

    /**
     * Decodes all entries.
     *
     * @param to receives {@link #byteSize()} bytes
     * @throws InputException if an integer does not fit the type
     */
    void decode(MemorySegment to) {
        long at = 0;
        for (WireReader reader = message(); reader.next(); ) {
            if (reader.field() != type.dataField()) {
                reader.skip();
            } else if (isFixed() && reader.isBytes()) {
                Span run = reader.bytes();
                MemorySegment.copy(file, run.offset(), to, at, run.length());
                at += run.length();
            } else if (isFixed()) {
                if (type.entryBytes() == Float.BYTES) {
                    to.set(INT, at, reader.fixed32());
                } else {
                    to.set(LONG, at, reader.fixed64());
                }
                at += type.entryBytes();
            } else if (reader.isBytes()) {
                for (WireReader packed = reader.message(); packed.hasMore(); at += type.entryBytes()) {
                    put(to, at, packed.rawVarint());
                }
            } else {
                put(to, at, reader.varint());
                at += type.entryBytes();
            }
        }
    }

    private void put(MemorySegment to, long at, long value) {
        int bits = 8 * type.entryBytes();
        // Exporters write narrow integers and bit patterns both with and without a sign.
        if (bits < Long.SIZE && (value < -(1L << (bits - 1)) || value >= 1L << bits)) {
            throw InputException.ofTensor(
                    location, proto.name(), "element " + value + " does not fit " + type, "export the model again");
        }
        switch (type.entryBytes()) {
            case 1 -> to.set(ValueLayout.JAVA_BYTE, at, (byte) value);
            case 2 -> to.set(SHORT, at, (short) value);
            case 4 -> to.set(INT, at, (int) value);
            default -> to.set(LONG, at, value);
        }
    }

    private Span wholeEntries(Span run) {
        if (run.length() % type.entryBytes() != 0) {
            throw InputException.ofTensor(
                    location, proto.name(), "its data ends inside an element", "the file is damaged");
        }
        return run;
    }

    private boolean isFixed() {
        return type.dataField() == OnnxType.FLOAT_DATA || type.dataField() == OnnxType.DOUBLE_DATA;
    }

    private WireReader message() {
        return new WireReader(file, location, proto.message());
    }
}
