package dev.gust.formats.gguf;

import dev.gust.formats.InputException;
import dev.gust.formats.tensor.DType;
import dev.gust.formats.tensor.Shape;
import dev.gust.formats.tensor.TensorInfo;
import java.lang.foreign.MemorySegment;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;

/**
 * What a GGUF file says about itself, checked in full (format: ggml's docs/gguf.md). Stricter than llama.cpp where that
 * would fail later or read beyond the file: data and the padding after the last tensor must be there.
 *
 * @param version 2 or 3
 * @param metadata in file order
 * @param alignment of each tensor's data, a power of two
 * @param tensors by name, in file order
 */
record GgufHeader(int version, Map<String, GgufValue> metadata, long alignment, Map<String, Stored> tensors) {
    static final int MAGIC = 0x46554747;
    static final String ALIGNMENT_KEY = "general.alignment";
    static final long DEFAULT_ALIGNMENT = 32;
    static final int MAX_DIMS = 4;
    /** ggml keeps names in 64 bytes, the last of which is 0. */
    static final int MAX_NAME_BYTES = 63;

    /** Key length, one byte of key, type, one byte of value. */
    private static final int LEAST_ENTRY_BYTES = 8 + 1 + 4 + 1;
    /** Name length, number of dimensions, type, offset. */
    private static final int LEAST_TENSOR_BYTES = 8 + 4 + 4 + 8;

    /**
     * A tensor and the place of its data.
     *
     * @param offset bytes from the start of the file
     */
    record Stored(TensorInfo info, long offset) {}

    /** @throws InputException if the file is not sound GGUF, or of a kind that is not read here */
    static GgufHeader read(String location, MemorySegment file) {
        var cursor = new GgufCursor(location, file);
        if (file.byteSize() < 4 || cursor.int32("the magic") != MAGIC) {
            throw cursor.bad("is not GGUF: it does not begin with those letters");
        }
        int version = version(location, cursor);
        long tensorCount = cursor.count("tensors", LEAST_TENSOR_BYTES);
        long entries = cursor.count("metadata entries", LEAST_ENTRY_BYTES);
        var metadata = new LinkedHashMap<String, GgufValue>();
        for (long i = 0; i < entries; i++) {
            String key = cursor.name("the key of metadata entry " + i);
            if (key.isEmpty()) {
                throw cursor.bad("metadata entry " + i + " has an empty key");
            }
            if (metadata.put(key, cursor.value(key)) != null) {
                throw cursor.bad("metadata key '" + key + "' occurs twice");
            }
        }
        long alignment = alignment(metadata, cursor);

        var relative = new LinkedHashMap<String, Stored>();
        for (long i = 0; i < tensorCount; i++) {
            Stored tensor = tensor(location, cursor, i);
            if (relative.put(tensor.info().name(), tensor) != null) {
                throw bad(location, tensor.info().name(), "occurs twice");
            }
        }
        return new GgufHeader(
                version,
                metadata,
                alignment,
                placed(location, relative, cursor.position(), alignment, file.byteSize()));
    }

    private static int version(String location, GgufCursor cursor) {
        int version = cursor.int32("the version");
        if (version == 2 || version == 3) {
            return version;
        }
        if (version != 0 && (version & 0xFFFF) == 0) {
            throw InputException.of(location, "is big-endian GGUF", "convert it to little-endian first");
        }
        throw InputException.of(
                location,
                "is GGUF version " + Integer.toUnsignedString(version) + ", not 2 or 3",
                "convert it with a current llama.cpp");
    }

    private static long alignment(Map<String, GgufValue> metadata, GgufCursor cursor) {
        GgufValue value = metadata.get(ALIGNMENT_KEY);
        if (value == null) {
            return DEFAULT_ALIGNMENT;
        }
        if (value instanceof GgufValue.Scalar(GgufType type, long bits)
                && type == GgufType.U32
                && Long.bitCount(bits) == 1) {
            return bits;
        }
        throw cursor.bad(ALIGNMENT_KEY + " is " + value.text() + " (" + value.type() + "), not a U32 power of two");
    }

    /** One tensor, its offset still relative to the start of the data. */
    private static Stored tensor(String location, GgufCursor cursor, long index) {
        String name = cursor.name("the name of tensor " + index);
        if (name.getBytes(StandardCharsets.UTF_8).length > MAX_NAME_BYTES) {
            throw bad(location, name, "has a name of more than " + MAX_NAME_BYTES + " bytes");
        }
        if (name.indexOf('\0') >= 0) {
            throw bad(location, name, "has a zero byte in its name, where llama.cpp would cut it");
        }
        int rank = cursor.int32("the rank of tensor '" + name + "'");
        if (rank < 0 || rank > MAX_DIMS) {
            throw bad(
                    location,
                    name,
                    "has " + Integer.toUnsignedString(rank) + " dimensions, more than GGUF's " + MAX_DIMS);
        }
        long[] dims = new long[rank];
        long product = 1;
        for (int i = rank - 1; i >= 0; i--) {
            dims[i] = cursor.int64("the shape of tensor '" + name + "'");
            if (dims[i] < 0) {
                throw bad(location, name, "has dimension " + dims[i]);
            }
            // Zeros are left out, so that dimensions beside a zero cannot overflow either.
            long high = Math.multiplyHigh(product, Math.max(dims[i], 1));
            product *= Math.max(dims[i], 1);
            if (high != 0 || product < 0) {
                throw bad(location, name, "has a shape whose product exceeds 63 bits");
            }
        }
        int id = cursor.int32("the type of tensor '" + name + "'");
        DType dtype = GgmlTypes.dtype(id)
                .orElseThrow(() -> InputException.ofTensor(
                        location,
                        name,
                        "has ggml type " + Integer.toUnsignedString(id) + ", which is not known here",
                        "quantize the model to another type"));
        Shape shape = Shape.of(dims);
        if (shape.columns() % dtype.blockElements() != 0) {
            throw bad(
                    location,
                    name,
                    "has rows of " + shape.columns() + " elements, no multiple of the " + dtype.blockElements()
                            + " in a block of " + dtype);
        }
        return new Stored(new TensorInfo(name, dtype, shape), cursor.int64("the offset of tensor '" + name + "'"));
    }

    /** Checks that tensors follow each other without gap or overlap, each padded, to no further than the file's end. */
    private static Map<String, Stored> placed(
            String location, Map<String, Stored> relative, long headEnd, long alignment, long fileSize) {
        var placed = new LinkedHashMap<String, Stored>();
        long start = padded(headEnd, alignment);
        long next = start;
        for (Stored tensor : relative.values()) {
            String name = tensor.info().name();
            if (tensor.offset() != next - start) {
                throw bad(
                        location,
                        name,
                        "is said to be at data byte " + Long.toUnsignedString(tensor.offset()) + ", but must be at "
                                + (next - start) + ", where the tensor before it ends");
            }
            long size = byteSize(location, tensor.info());
            // Compared without adding: a size near 2^63 must not wrap around.
            if (size > fileSize - next || padded(next + size, alignment) > fileSize) {
                throw bad(
                        location,
                        name,
                        "has " + size + " bytes of data at byte " + next + ", padded to " + alignment
                                + ", but the file ends at byte " + fileSize);
            }
            placed.put(name, new Stored(tensor.info(), next));
            next = padded(next + size, alignment);
        }
        return placed;
    }

    private static long byteSize(String location, TensorInfo info) {
        try {
            return info.byteSize();
        } catch (ArithmeticException e) {
            throw bad(location, info.name(), "has a size in bytes that exceeds 63 bits");
        }
    }

    static long padded(long bytes, long alignment) {
        return (bytes + alignment - 1) & -alignment;
    }

    private static InputException bad(String location, String tensor, String reason) {
        return InputException.ofTensor(location, tensor, reason, "get a sound copy of the file");
    }

    static long[] reversed(long[] dims) {
        long[] reversed = new long[dims.length];
        Arrays.setAll(reversed, i -> dims[dims.length - 1 - i]);
        return reversed;
    }
}
