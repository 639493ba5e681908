package dev.gust.formats.arrow;

import dev.gust.formats.InputException;
import dev.gust.formats.tensor.DType;
import dev.gust.formats.tensor.Shape;
import dev.gust.formats.tensor.TensorInfo;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.LongStream;
import org.apache.arrow.vector.types.FloatingPointPrecision;
import org.apache.arrow.vector.types.pojo.ArrowType;
import org.apache.arrow.vector.types.pojo.ArrowType.ExtensionType;
import org.apache.arrow.vector.types.pojo.Field;
import org.apache.arrow.vector.types.pojo.FieldType;

/**
 * A column of numbers, and how a tensor looks as one. Types that Arrow has are stored as themselves. All others are
 * stored as bytes ({@code uint8}; {@code uint16} for BF16), and the field's metadata says what they are: a reader that
 * does not know Gust still gets the codes, in a shape that holds them.
 *
 * @param name the column's name
 * @param value type of the innermost values
 * @param lists sizes of the nested fixed-size lists, outermost first; none for a plain column
 * @param metadata of the field, with Arrow's keys for its extension type, if it has one
 */
record ArrowColumn(String name, ArrowType value, List<Integer> lists, Map<String, String> metadata) {
    /** Field metadata: the name of the {@link DType}. */
    static final String DTYPE = "gust.dtype";
    /** Field metadata: the tensor's shape, as a JSON array. */
    static final String SHAPE = "gust.shape";

    /** Field metadata of a column that holds part of a large tensor: the tensor's name. */
    static final String TENSOR = "gust.tensor";
    /** Field metadata beside {@link #TENSOR}: which part of how many this is, as {@code 0/3}. */
    static final String PART = "gust.part";

    /** Deepest nesting of lists that is read as a tensor. */
    static final int MAX_LISTS = 8;

    private static final String NUMBERS = "store it as numbers, fixed-size lists or fixed-shape tensors of numbers";

    /** The type that an element, or a byte or two of a type unknown to Arrow, has in a column. */
    static ArrowType storage(DType dtype) {
        return switch (dtype) {
            case F64 -> new ArrowType.FloatingPoint(FloatingPointPrecision.DOUBLE);
            case F32 -> new ArrowType.FloatingPoint(FloatingPointPrecision.SINGLE);
            case F16 -> new ArrowType.FloatingPoint(FloatingPointPrecision.HALF);
            case I64 -> new ArrowType.Int(64, true);
            case I32 -> new ArrowType.Int(32, true);
            case I16 -> new ArrowType.Int(16, true);
            case I8 -> new ArrowType.Int(8, true);
            case U64 -> new ArrowType.Int(64, false);
            case U32 -> new ArrowType.Int(32, false);
            case U16, BF16 -> new ArrowType.Int(16, false);
            default -> new ArrowType.Int(8, false);
        };
    }

    /** The type of a column's values where no metadata says otherwise; nothing for types without numbers. */
    static Optional<DType> dtype(ArrowType value) {
        return switch (value) {
            case ArrowType.FloatingPoint f ->
                Optional.of(
                        switch (f.getPrecision()) {
                            case DOUBLE -> DType.F64;
                            case SINGLE -> DType.F32;
                            case HALF -> DType.F16;
                        });
            case ArrowType.Int i ->
                switch (i.getBitWidth()) {
                    case 64 -> Optional.of(i.getIsSigned() ? DType.I64 : DType.U64);
                    case 32 -> Optional.of(i.getIsSigned() ? DType.I32 : DType.U32);
                    case 16 -> Optional.of(i.getIsSigned() ? DType.I16 : DType.U16);
                    case 8 -> Optional.of(i.getIsSigned() ? DType.I8 : DType.U8);
                    default -> Optional.empty();
                };
            default -> Optional.empty();
        };
    }

    /** Bytes of one value in a column that holds that type. */
    static int storageBytes(DType dtype) {
        return dtype(storage(dtype)).orElseThrow().blockBytes();
    }

    /**
     * The shape in which a column holds a tensor: its own, or for types that Arrow lacks that of their bytes, along the
     * fastest dimension; flat if rows of such a tensor do not end on whole bytes.
     */
    static long[] storageShape(TensorInfo info) {
        DType dtype = info.dtype();
        int width = storageBytes(dtype);
        Shape shape = info.shape();
        if (dtype.blockElements() == 1 && dtype.blockBytes() == width) {
            return shape.dims();
        }
        if (shape.rank() == 0 || shape.columns() % dtype.blockElements() != 0) {
            return new long[] {info.byteSize() / width};
        }
        return shape.withColumns(dtype.byteSize(shape.columns()) / width).dims();
    }

    /**
     * The field of a column with one row that holds the tensor.
     *
     * @param stored shape of what the column holds, as of {@link #storageShape}
     * @param more metadata beside the tensor's type and shape
     */
    static Field field(String name, TensorInfo info, long[] stored, Map<String, String> more) {
        var metadata = new LinkedHashMap<String, String>();
        metadata.put(DTYPE, info.dtype().name());
        metadata.put(SHAPE, ShapeJson.write(info.shape().dims()));
        metadata.putAll(more);
        var element = new Field("$data$", FieldType.notNullable(storage(info.dtype())), List.of());
        return new Field(
                name, new FieldType(false, new FixedShapeTensorType(stored), null, metadata), List.of(element));
    }

    /** The column that an Arrow field describes. */
    static ArrowColumn of(Field field) {
        var metadata = new LinkedHashMap<>(field.getMetadata());
        var lists = new ArrayList<Integer>();
        Field inner = field;
        while (lists.size() <= MAX_LISTS) {
            ArrowType type = inner.getType();
            if (type instanceof ExtensionType extension && lists.isEmpty()) {
                metadata.put(ExtensionType.EXTENSION_METADATA_KEY_NAME, extension.extensionName());
                metadata.put(ExtensionType.EXTENSION_METADATA_KEY_METADATA, extension.serialize());
                type = extension.storageType();
            }
            if (!(type instanceof ArrowType.FixedSizeList list)) {
                return new ArrowColumn(field.getName(), type, lists, metadata);
            }
            lists.add(list.getListSize());
            inner = inner.getChildren().getFirst();
        }
        return new ArrowColumn(field.getName(), inner.getType(), lists, metadata);
    }

    /** Innermost values in each row. */
    long valuesPerRow() {
        return lists.stream().mapToLong(Integer::longValue).reduce(1, Math::multiplyExact);
    }

    /** Bytes of one innermost value. */
    int valueBytes() {
        return dtype(value).orElseThrow().blockBytes();
    }

    private boolean isOurs() {
        return metadata.containsKey(DTYPE);
    }

    /**
     * Bytes of the values in {@code rows} rows.
     *
     * @throws InputException if there are more than can be counted
     */
    long bytes(String where, long rows) {
        try {
            // Every partial product is computed, so that the count of each nested list is known to fit as well.
            long values = rows;
            for (int size : lists) {
                values = Math.multiplyExact(values, (long) size);
            }
            return Math.multiplyExact(values, (long) stored(where).blockBytes());
        } catch (ArithmeticException e) {
            throw bad(where, "more values than can be counted");
        }
    }

    /**
     * The tensor that {@code rows} rows of this column make: what our metadata says, or else the rows stacked, so that
     * the first dimension counts them.
     *
     * @param where what errors begin with
     * @throws InputException if the values are no numbers, or if the column contradicts its metadata
     */
    TensorInfo info(String where, long rows) {
        return info(where, rows, bytes(where, rows));
    }

    /**
     * As {@link #info(String, long)}, for a tensor of which the column may hold a part.
     *
     * @param bytes of the whole tensor
     */
    TensorInfo info(String where, long rows, long bytes) {
        DType stored = stored(where);
        try {
            TensorInfo info = isOurs() ? declared() : new TensorInfo(name, stored, stacked(rows));
            if (!storage(info.dtype()).equals(value)) {
                throw bad(where, info.dtype() + " stored as " + value);
            }
            if (info.byteSize() != bytes) {
                throw bad(where, info.dtype() + " " + info.shape() + " on " + bytes + " bytes");
            }
            return info;
        } catch (ArithmeticException e) {
            throw bad(where, "a shape with more elements than can be counted");
        } catch (IllegalArgumentException e) {
            throw bad(where, String.valueOf(e.getMessage()));
        }
    }

    private DType stored(String where) {
        return dtype(value)
                .orElseThrow(() -> InputException.ofTensor(
                        where, name, "a column of " + value + ", which are no numbers a tensor holds", NUMBERS));
    }

    private TensorInfo declared() {
        String dtype = metadata.getOrDefault(DTYPE, "");
        return new TensorInfo(
                metadata.getOrDefault(TENSOR, name),
                DType.byName(dtype).orElseThrow(() -> new IllegalArgumentException("unknown type '" + dtype + "'")),
                Shape.of(ShapeJson.read(metadata.getOrDefault(SHAPE, ""))));
    }

    private Shape stacked(long rows) {
        long[] row = lists.stream().mapToLong(Integer::longValue).toArray();
        if (FixedShapeTensorType.NAME.equals(metadata.get(ExtensionType.EXTENSION_METADATA_KEY_NAME))) {
            row = ShapeJson.readExtension(metadata.getOrDefault(ExtensionType.EXTENSION_METADATA_KEY_METADATA, ""));
            if (LongStream.of(row).reduce(1, Math::multiplyExact) != valuesPerRow()) {
                throw new IllegalArgumentException(
                        "tensors of shape " + Arrays.toString(row) + " in lists of " + valuesPerRow());
            }
        }
        return Shape.of(
                LongStream.concat(LongStream.of(rows), LongStream.of(row)).toArray());
    }

    private InputException bad(String where, String reason) {
        return InputException.ofTensor(where, name, reason, "write the file again");
    }
}
