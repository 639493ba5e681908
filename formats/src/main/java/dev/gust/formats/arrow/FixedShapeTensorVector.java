package dev.gust.formats.arrow;

import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.memory.util.hash.ArrowBufHasher;
import org.apache.arrow.vector.ExtensionTypeVector;
import org.apache.arrow.vector.complex.FixedSizeListVector;
import org.apache.arrow.vector.types.pojo.Field;
import org.apache.arrow.vector.types.pojo.FieldType;

/** A column of {@link FixedShapeTensorType}: one tensor per row, on a fixed-size list of its elements. */
public final class FixedShapeTensorVector extends ExtensionTypeVector<FixedSizeListVector> {
    private final FieldType fieldType;

    FixedShapeTensorVector(String name, FieldType fieldType, BufferAllocator allocator, FixedSizeListVector elements) {
        super(name, allocator, elements);
        this.fieldType = fieldType;
    }

    /** The tensors' type, which holds their shape. */
    public FixedShapeTensorType type() {
        return (FixedShapeTensorType) fieldType.getType();
    }

    @Override
    public Field getField() {
        return new Field(getName(), fieldType, getUnderlyingVector().getField().getChildren());
    }

    /** The elements of one row's tensor, in row-major order. */
    @Override
    public Object getObject(int index) {
        return getUnderlyingVector().getObject(index);
    }

    @Override
    public int hashCode(int index) {
        return getUnderlyingVector().hashCode(index);
    }

    @Override
    public int hashCode(int index, ArrowBufHasher hasher) {
        return getUnderlyingVector().hashCode(index, hasher);
    }
}
