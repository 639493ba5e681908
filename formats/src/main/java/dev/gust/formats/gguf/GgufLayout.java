package dev.gust.formats.gguf;

import dev.gust.formats.UsageException;
import dev.gust.formats.file.FileLayout;
import dev.gust.formats.file.FileLayout.Placement;
import dev.gust.formats.tensor.DType;
import dev.gust.formats.tensor.TensorInfo;
import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/** The layout of a GGUF version 3 file, byte for byte as llama.cpp writes it. */
public final class GgufLayout {
    private static final int VERSION = 3;

    private GgufLayout() {}

    /**
     * Lays out a file with these tensors and this metadata, both in the order given. Metadata is written as it is:
     * {@code general.quantization_version} and {@code general.file_type} are the caller's to add. Data is aligned to
     * {@code general.alignment} if the metadata has it, else to 32 bytes.
     *
     * @param tensors what the file will hold, shapes slowest first
     * @param metadata keys and values
     * @throws UsageException if GGUF cannot hold a tensor: a type it does not have, more than 4 dimensions, rows that are
     *     no whole blocks, a name of 64 bytes or more, or one that occurs twice
     */
    public static FileLayout of(List<TensorInfo> tensors, Map<String, GgufValue> metadata) {
        long alignment = alignment(metadata);
        var head = new Head();
        head.int32(GgufHeader.MAGIC);
        head.int32(VERSION);
        head.int64(tensors.size());
        head.int64(metadata.size());
        metadata.forEach((key, value) -> {
            if (key.isEmpty()) {
                throw new UsageException("a GGUF metadata key is empty", "name it or leave it out");
            }
            head.bytes(GgufValue.text(key).payload());
            head.int32(value.type().id());
            head.bytes(value.payload());
        });
        Set<String> names = new HashSet<>();
        long data = 0;
        List<Long> offsets = new ArrayList<>();
        for (TensorInfo tensor : tensors) {
            check(tensor, names);
            head.bytes(GgufValue.text(tensor.name()).payload());
            long[] dims = GgufHeader.reversed(tensor.shape().dims());
            head.int32(dims.length);
            for (long dim : dims) {
                head.int64(dim);
            }
            head.int32(GgmlTypes.id(tensor.dtype()).orElseThrow());
            head.int64(data);
            offsets.add(data);
            data = GgufHeader.padded(Math.addExact(data, tensor.byteSize()), alignment);
        }
        head.pad(alignment);
        byte[] bytes = head.toByteArray();
        var placements = new ArrayList<Placement>();
        for (int i = 0; i < tensors.size(); i++) {
            placements.add(new Placement(tensors.get(i), bytes.length + offsets.get(i)));
        }
        return new FileLayout(bytes, placements, new byte[0], bytes.length + data);
    }

    /** Whether a GGUF tensor can have that type. */
    public static boolean stores(DType dtype) {
        return GgmlTypes.id(dtype).isPresent();
    }

    private static long alignment(Map<String, GgufValue> metadata) {
        GgufValue value = metadata.get(GgufHeader.ALIGNMENT_KEY);
        if (value == null) {
            return GgufHeader.DEFAULT_ALIGNMENT;
        }
        // The head is padded to it in memory, so it cannot be as large as a U32 allows; llama.cpp's own is 32.
        if (value instanceof GgufValue.Scalar(GgufType type, long bits)
                && type == GgufType.U32
                && Long.bitCount(bits) == 1
                && bits <= 1 << 20) {
            return bits;
        }
        throw new UsageException(
                GgufHeader.ALIGNMENT_KEY + " is " + value.text() + " (" + value.type() + ")",
                "give a U32 power of two up to 2^20, or leave it out for 32");
    }

    private static void check(TensorInfo tensor, Set<String> names) {
        String name = tensor.name();
        if (!names.add(name)) {
            throw new UsageException("tensor '" + name + "' occurs twice", "rename one of them");
        }
        int bytes = name.getBytes(StandardCharsets.UTF_8).length;
        if (bytes > GgufHeader.MAX_NAME_BYTES || name.indexOf('\0') >= 0) {
            throw new UsageException(
                    "tensor '" + name + "' has a name of " + bytes + " bytes, and GGUF takes "
                            + GgufHeader.MAX_NAME_BYTES + " without zeros",
                    "rename it");
        }
        if (!stores(tensor.dtype())) {
            throw new UsageException(
                    "tensor '" + name + "' is " + tensor.dtype() + ", which GGUF does not have",
                    "convert it to F32, F16, BF16 or a GGUF block type");
        }
        if (tensor.shape().rank() > GgufHeader.MAX_DIMS) {
            throw new UsageException(
                    "tensor '" + name + "' has " + tensor.shape().rank() + " dimensions, and GGUF takes "
                            + GgufHeader.MAX_DIMS,
                    "merge some of them");
        }
        if (tensor.shape().columns() % tensor.dtype().blockElements() != 0) {
            throw new UsageException(
                    "tensor '" + name + "' has rows of " + tensor.shape().columns() + " elements, no multiple of the "
                            + tensor.dtype().blockElements() + " in a block of " + tensor.dtype(),
                    "choose a type with smaller blocks for it");
        }
    }

    /** Little-endian bytes that grow; a byte array is all that a head can be. */
    private static final class Head {
        private final ByteArrayOutputStream out = new ByteArrayOutputStream();

        void int32(int value) {
            bytes(ByteBuffer.allocate(4)
                    .order(ByteOrder.LITTLE_ENDIAN)
                    .putInt(value)
                    .array());
        }

        void int64(long value) {
            bytes(ByteBuffer.allocate(8)
                    .order(ByteOrder.LITTLE_ENDIAN)
                    .putLong(value)
                    .array());
        }

        void bytes(byte[] bytes) {
            if (bytes.length > Integer.MAX_VALUE - 64 - out.size()) {
                throw new UsageException("GGUF metadata and tensor list exceed 2 GiB", "leave some metadata out");
            }
            out.writeBytes(bytes);
        }

        void pad(long alignment) {
            bytes(new byte[(int) (GgufHeader.padded(out.size(), alignment) - out.size())]);
        }

        byte[] toByteArray() {
            return out.toByteArray();
        }
    }
}
