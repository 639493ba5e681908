package dev.gust.formats.arrow;

import java.util.Arrays;
import java.util.stream.LongStream;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.vector.FieldVector;
import org.apache.arrow.vector.complex.FixedSizeListVector;
import org.apache.arrow.vector.types.pojo.ArrowType;
import org.apache.arrow.vector.types.pojo.ArrowType.ExtensionType;
import org.apache.arrow.vector.types.pojo.ExtensionTypeRegistry;
import org.apache.arrow.vector.types.pojo.FieldType;

/**
 * Arrow's canonical extension type {@code arrow.fixed_shape_tensor}: every row is a tensor of the same shape, row-major,
 * stored as a fixed-size list. A reader that does not know it sees the list. Dimension names are dropped, a permutation
 * of the dimensions is refused.
 *
 * @see <a href="https://arrow.apache.org/docs/format/CanonicalExtensions.html#fixed-shape-tensor">Canonical extension
 *     types: fixed shape tensor</a>
 */
public final class FixedShapeTensorType extends ExtensionType {
    /** The type's name in Arrow's metadata. */
    public static final String NAME = "arrow.fixed_shape_tensor";

    static {
        // Arrow's registry belongs to the process; loading the class is the one moment that happens once.
        ExtensionTypeRegistry.register(new FixedShapeTensorType(1));
    }

    private final ArrowType.FixedSizeList storage;
    private final long[] shape;

    /**
     * The type of tensors of one shape.
     *
     * @param shape dimensions of each row's tensor, slowest first
     * @throws ArithmeticException if they make more elements than an Arrow list holds, 2^31 − 1
     */
    public FixedShapeTensorType(long... shape) {
        this.shape = shape.clone();
        this.storage =
                new ArrowType.FixedSizeList(Math.toIntExact(LongStream.of(shape).reduce(1, Math::multiplyExact)));
    }

    /** Makes Arrow's readers of this process recognise the type. Calling it again changes nothing. */
    public static void register() {
        // Loading this class has done it.
    }

    /** Dimensions of each row's tensor, slowest first. */
    public long[] shape() {
        return shape.clone();
    }

    @Override
    public ArrowType storageType() {
        return storage;
    }

    @Override
    public String extensionName() {
        return NAME;
    }

    @Override
    public boolean extensionEquals(ExtensionType other) {
        return other instanceof FixedShapeTensorType that && Arrays.equals(shape, that.shape);
    }

    @Override
    public String serialize() {
        return "{\"shape\":" + ShapeJson.write(shape) + "}";
    }

    /**
     * The type that metadata of this extension describes.
     *
     * @throws IllegalArgumentException if the metadata does not describe such lists
     */
    @Override
    public ArrowType deserialize(ArrowType storageType, String serializedData) {
        long[] dims = ShapeJson.readExtension(serializedData);
        FixedShapeTensorType type;
        try {
            type = new FixedShapeTensorType(dims);
        } catch (ArithmeticException e) {
            throw new IllegalArgumentException("a shape of more than 2^31 - 1 elements: " + serializedData, e);
        }
        if (!type.storage.equals(storageType)) {
            throw new IllegalArgumentException("shape " + serializedData + " on " + storageType);
        }
        return type;
    }

    @Override
    public FieldVector getNewVector(String name, FieldType fieldType, BufferAllocator allocator) {
        var storageField =
                new FieldType(fieldType.isNullable(), storage, fieldType.getDictionary(), fieldType.getMetadata());
        return new FixedShapeTensorVector(
                name, fieldType, allocator, new FixedSizeListVector(name, allocator, storageField, null));
    }

    /** As {@code arrow.fixed_shape_tensor[2, 3]}. */
    @Override
    public String toString() {
        return NAME + Arrays.toString(shape);
    }
}
