package dev.gust.formats.gguf;

import java.util.Arrays;
import java.util.Optional;

/** The types that GGUF metadata can have. */
public enum GgufType {
    U8(0, 1),
    I8(1, 1),
    U16(2, 2),
    I16(3, 2),
    U32(4, 4),
    I32(5, 4),
    F32(6, 4),
    BOOL(7, 1),
    STRING(8, 0),
    ARRAY(9, 0),
    U64(10, 8),
    I64(11, 8),
    F64(12, 8);

    private final int id;
    private final int bytes;

    GgufType(int id, int bytes) {
        this.id = id;
        this.bytes = bytes;
    }

    /** The number that stands for it in the file. */
    public int id() {
        return id;
    }

    /** Bytes that one value takes; 0 where that depends on the value. */
    public int bytes() {
        return bytes;
    }

    /** Whether values have a fixed size: all but strings and arrays. */
    public boolean isScalar() {
        return bytes > 0;
    }

    static Optional<GgufType> byId(int id) {
        return Arrays.stream(values()).filter(t -> t.id == id).findFirst();
    }
}
