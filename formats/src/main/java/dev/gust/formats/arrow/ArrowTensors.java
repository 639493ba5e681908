package dev.gust.formats.arrow;

import dev.gust.formats.InputException;
import dev.gust.formats.UsageException;
import dev.gust.formats.tensor.Tensor;
import dev.gust.formats.tensor.TensorInfo;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.apache.arrow.memory.ArrowBuf;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.memory.ForeignAllocation;
import org.apache.arrow.memory.OutOfMemoryException;
import org.apache.arrow.vector.BaseFixedWidthVector;
import org.apache.arrow.vector.ExtensionTypeVector;
import org.apache.arrow.vector.FieldVector;
import org.apache.arrow.vector.complex.FixedSizeListVector;
import org.apache.arrow.vector.ipc.message.ArrowFieldNode;
import org.apache.arrow.vector.types.pojo.ArrowType;
import org.apache.arrow.vector.types.pojo.ArrowType.ExtensionType;
import org.apache.arrow.vector.types.pojo.Field;

/**
 * Tensors as Arrow columns and back, in this process and through the C data interface with any other Arrow library of
 * it. A tensor is a column with one row of {@link FixedShapeTensorType}; a column that comes in may also hold plain
 * numbers or fixed-size lists, whose rows become the first dimension.
 *
 * <p>Nothing is copied where the memory allows: a tensor of the given {@link TensorAllocator}, or a view of one, is
 * shared and stays alive until both sides have let go. A mapped file or other memory has an owner who cannot be asked to
 * wait, so such a tensor is copied. Arrow's vectors keep a validity bit per element, which costs n/8 bytes; an export
 * through the C data interface does without.
 *
 * @see <a href="https://arrow.apache.org/docs/format/CDataInterface.html">The Arrow C data interface</a>
 */
public final class ArrowTensors {
    private ArrowTensors() {}

    /** Arrow's own view of an allocator, for vectors whose memory should have header room and count against its limit. */
    public static BufferAllocator buffers(TensorAllocator allocator) {
        return allocator.buffers();
    }

    /**
     * The field of a column that holds such a tensor.
     *
     * @throws UsageException if it has more than 2^31 − 1 elements
     */
    public static Field field(TensorInfo info) {
        long[] stored = ArrowColumn.storageShape(info);
        if (info.byteSize() / ArrowColumn.storageBytes(info.dtype()) > Integer.MAX_VALUE) {
            throw new UsageException(
                    "tensor '" + info.name() + "' has more elements than an Arrow list, 2147483647",
                    "share it in blocks of rows");
        }
        return ArrowColumn.field(info.name(), info, stored, Map.of());
    }

    /**
     * The tensor as a column with one row. The caller closes both.
     *
     * @throws UsageException if the tensor is too large for a list, or the allocator's limit is reached
     */
    public static FixedShapeTensorVector vector(TensorAllocator allocator, Tensor tensor) {
        Field field = field(tensor.info());
        int values = Math.toIntExact(tensor.info().byteSize() / ArrowColumn.storageBytes(tensor.dtype()));
        try (ArrowBuf data = shareOrCopy(allocator, tensor)) {
            var vector = (FixedShapeTensorVector) field.createVector(allocator.buffers());
            try {
                FixedSizeListVector list = vector.getUnderlyingVector();
                ArrowBuf none = allocator.buffers().getEmpty();
                list.getDataVector().loadFieldBuffers(new ArrowFieldNode(values, 0), Arrays.asList(none, data));
                list.loadFieldBuffers(new ArrowFieldNode(1, 0), List.of(none));
                return vector;
            } catch (RuntimeException e) {
                vector.close();
                throw e;
            }
        } catch (OutOfMemoryException e) {
            throw allocator.tooLarge("the Arrow column of tensor '" + tensor.name() + "'");
        }
    }

    /**
     * The numbers of a column as a tensor that shares its memory. The vector may be closed before the tensor is; writing
     * to one writes to both.
     *
     * @param allocator the tensor's keeper; the memory stays with the vector's allocator
     * @throws InputException if the column has nulls or holds no numbers
     */
    public static Tensor tensor(TensorAllocator allocator, FieldVector vector) {
        TensorInfo info = ArrowColumn.of(vector.getField()).info(CImport.COLUMN, vector.getValueCount());
        FieldVector values = vector;
        while (true) {
            if (values.getNullCount() != 0) {
                throw InputException.ofTensor(CImport.COLUMN, info.name(), "has nulls", "fill them in first");
            }
            if (values instanceof ExtensionTypeVector<?> extension) {
                values = (FieldVector) extension.getUnderlyingVector();
            } else if (values instanceof FixedSizeListVector list) {
                values = list.getDataVector();
            } else {
                break;
            }
        }
        ArrowBuf data = ((BaseFixedWidthVector) values).getDataBuffer();
        if (data.capacity() < info.byteSize()) {
            throw InputException.ofTensor(
                    CImport.COLUMN, info.name(), info.byteSize() + " bytes on a buffer of " + data.capacity(), "");
        }
        data.getReferenceManager().retain();
        return allocator.adopt(info, data, false);
    }

    /**
     * Hands a tensor to another Arrow library, which calls the structures' release when it is done; until then the
     * memory stays, whether or not the tensor is closed.
     *
     * @param array address of an {@code ArrowArray} structure to fill
     * @param schema address of an {@code ArrowSchema} structure to fill
     * @throws UsageException as {@link #vector}
     */
    public static void exportTensor(TensorAllocator allocator, Tensor tensor, long array, long schema) {
        TensorInfo info = tensor.info();
        ArrowType value = ArrowColumn.storage(info.dtype());
        Field field = field(info);
        var type = (FixedShapeTensorType) field.getType();
        var metadata = new LinkedHashMap<>(field.getMetadata());
        metadata.put(ExtensionType.EXTENSION_METADATA_KEY_NAME, type.extensionName());
        metadata.put(ExtensionType.EXTENSION_METADATA_KEY_METADATA, type.serialize());
        // Callers may pass memory with anything in it, and a failure must not release that.
        MemorySegment filled = CStruct.SCHEMA.at(schema).fill((byte) 0);
        MemorySegment target = CStruct.ARRAY.at(array).fill((byte) 0);
        try {
            long count = info.byteSize() / ArrowColumn.storageBytes(info.dtype());
            CExport.schema(allocator.buffers(), filled, info.name(), value, count, metadata);
            ArrowBuf data = shareOrCopy(allocator, tensor);
            try {
                CExport.array(allocator.buffers(), target, data, count);
            } catch (RuntimeException e) {
                data.close();
                throw e;
            }
        } catch (RuntimeException e) {
            CStruct.SCHEMA.release(filled);
            throw e instanceof OutOfMemoryException ? allocator.tooLarge("the export of '" + info.name() + "'") : e;
        }
    }

    /**
     * Takes over a column that another Arrow library exported, without a copy; its release is called when the tensor is
     * closed. The memory is read-only and has no header room: it is not ours alone. It counts against the allocator's
     * limit.
     *
     * @param array address of a filled {@code ArrowArray}, which is marked as released
     * @param schema address of its {@code ArrowSchema}, likewise
     * @throws InputException if the column is no tensor
     */
    public static Tensor importTensor(TensorAllocator allocator, long array, long schema) {
        MemorySegment description = CStruct.SCHEMA.at(schema);
        MemorySegment theirs = CStruct.ARRAY.at(array);
        try {
            ArrowColumn column = CImport.column(description);
            CImport.Values values = CImport.values(theirs, column);
            TensorInfo info = column.info(CImport.COLUMN, values.rows());
            var memory = new Imported(info.byteSize(), values.address(), CStruct.ARRAY.move(theirs));
            try {
                return allocator.adopt(info, allocator.buffers().wrapForeignAllocation(memory), true);
            } catch (RuntimeException e) {
                memory.release0();
                throw e;
            }
        } catch (OutOfMemoryException e) {
            throw allocator.tooLarge("an imported Arrow column");
        } finally {
            // Whoever takes a column over releases it, also where it is of no use; a moved one counts as released.
            CStruct.SCHEMA.release(description);
            CStruct.ARRAY.release(theirs);
        }
    }

    /** Memory of another library, which gets it back with its own structure. */
    private static final class Imported extends ForeignAllocation {
        private final MemorySegment array;

        Imported(long size, long address, MemorySegment array) {
            super(size, address);
            this.array = array;
        }

        @Override
        protected void release0() {
            CStruct.ARRAY.release(array);
        }
    }

    private static ArrowBuf shareOrCopy(TensorAllocator allocator, Tensor tensor) {
        MemorySegment data = tensor.data();
        return allocator.share(data).orElseGet(() -> {
            try (Tensor copy = allocator.copyOf(tensor)) {
                return allocator.share(copy.data()).orElseThrow();
            }
        });
    }
}
