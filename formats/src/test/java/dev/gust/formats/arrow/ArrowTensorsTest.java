package dev.gust.formats.arrow;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.gust.formats.InputException;
import dev.gust.formats.UsageException;
import dev.gust.formats.tensor.DType;
import dev.gust.formats.tensor.Shape;
import dev.gust.formats.tensor.Tensor;
import dev.gust.formats.tensor.TensorInfo;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.function.BiConsumer;
import java.util.stream.Stream;
import org.apache.arrow.memory.RootAllocator;
import org.apache.arrow.memory.util.hash.ArrowBufHasher;
import org.apache.arrow.vector.ExtensionTypeVector;
import org.apache.arrow.vector.FieldVector;
import org.apache.arrow.vector.Float4Vector;
import org.apache.arrow.vector.TinyIntVector;
import org.apache.arrow.vector.VarCharVector;
import org.apache.arrow.vector.complex.FixedSizeListVector;
import org.apache.arrow.vector.types.FloatingPointPrecision;
import org.apache.arrow.vector.types.pojo.ArrowType;
import org.apache.arrow.vector.types.pojo.FieldType;
import org.apache.arrow.vector.types.pojo.Schema;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

class ArrowTensorsTest {
    /** Every type with shapes of rank 0 to 8 and without elements, as far as they fill whole blocks. */
    static Stream<TensorInfo> tensors() {
        return Stream.of(DType.values()).flatMap(dtype -> {
            int block = dtype.blockElements();
            return Stream.of(
                            Shape.of(),
                            Shape.of(0),
                            Shape.of(3, 0, 2L * block),
                            Shape.of(block),
                            Shape.of(5, 3L * block),
                            Shape.of(4L * block, 3),
                            Shape.of(1, 2, 1, 3, 1, 2, 1, block))
                    .filter(shape -> shape.elements() % block == 0)
                    .map(shape -> new TensorInfo(dtype + " " + shape, dtype, shape));
        });
    }

    static Tensor random(TensorAllocator allocator, TensorInfo info, long seed) {
        Tensor tensor = allocator.allocate(info);
        byte[] bytes = new byte[(int) info.byteSize()];
        new Random(seed).nextBytes(bytes);
        tensor.data().copyFrom(MemorySegment.ofArray(bytes));
        return tensor;
    }

    @ParameterizedTest
    @MethodSource("tensors")
    void aTensorBecomesAVectorAndBackWithoutACopy(TensorInfo info) {
        try (var allocator = TensorAllocator.unlimited()) {
            Tensor tensor = random(allocator, info, 1);
            byte[] expected = tensor.data().toArray(JAVA_BYTE);
            FixedShapeTensorVector vector = ArrowTensors.vector(allocator, tensor);
            tensor.close();
            assertThat(vector.getValueCount()).isEqualTo(1);
            assertThat(vector.getField()).isEqualTo(ArrowTensors.field(info));
            assertThat(vector.type().shape()).isEqualTo(ArrowColumn.storageShape(info));
            try (Tensor back = ArrowTensors.tensor(allocator, vector)) {
                vector.close();
                assertThat(back.info()).isEqualTo(info);
                assertThat(back.data().toArray(JAVA_BYTE)).isEqualTo(expected);
                assertThat(back.hasHeaderRoom()).isTrue();
            }
            assertThat(allocator.allocatedBytes()).isZero();
        }
    }

    @ParameterizedTest
    @MethodSource("tensors")
    void aTensorSurvivesTheCDataInterface(TensorInfo info) {
        try (var ours = TensorAllocator.unlimited();
                var theirs = TensorAllocator.unlimited();
                var arena = Arena.ofConfined()) {
            MemorySegment array = arena.allocate(80, 8);
            MemorySegment schema = arena.allocate(72, 8);
            Tensor tensor = random(ours, info, 2);
            long address = tensor.data().address();
            byte[] expected = tensor.data().toArray(JAVA_BYTE);
            ArrowTensors.exportTensor(ours, tensor, array.address(), schema.address());
            tensor.close();
            try (Tensor imported = ArrowTensors.importTensor(theirs, array.address(), schema.address())) {
                assertThat(imported.info()).isEqualTo(info);
                assertThat(imported.data().toArray(JAVA_BYTE)).isEqualTo(expected);
                assertThat(imported.data().isReadOnly()).isTrue();
                assertThat(imported.hasHeaderRoom()).isFalse();
                if (info.byteSize() > 0) {
                    assertThat(imported.data().address()).isEqualTo(address);
                    assertThat(ours.allocatedBytes()).isGreaterThan(info.byteSize());
                }
            }
            assertThat(theirs.allocatedBytes()).isZero();
        }
    }

    @Test
    void anExportThatNobodyTakesIsFreedByItsRelease() {
        try (var allocator = TensorAllocator.unlimited();
                var arena = Arena.ofConfined()) {
            MemorySegment array = arena.allocate(80, 8);
            MemorySegment schema = arena.allocate(72, 8);
            try (Tensor tensor = random(allocator, new TensorInfo("t", DType.F32, Shape.of(2, 3)), 3)) {
                ArrowTensors.exportTensor(allocator, tensor, array.address(), schema.address());
            }
            assertThatIllegalStateException().isThrownBy(allocator::close).withMessageContaining("exports");
            CStruct.ARRAY.release(array);
            CStruct.SCHEMA.release(schema);
            assertThat(CStruct.ARRAY.isReleased(array)).isTrue();
            assertThat(CStruct.SCHEMA.isReleased(schema)).isTrue();
            assertThat(allocator.allocatedBytes()).isZero();
        }
    }

    @Test
    void aChildThatWasMovedAwayOutlivesItsParent() {
        try (var allocator = TensorAllocator.unlimited();
                var arena = Arena.ofConfined()) {
            MemorySegment array = arena.allocate(80, 8);
            MemorySegment schema = arena.allocate(72, 8);
            byte[] expected;
            try (Tensor tensor = random(allocator, new TensorInfo("t", DType.F16, Shape.of(2, 3)), 5)) {
                expected = tensor.data().toArray(JAVA_BYTE);
                ArrowTensors.exportTensor(allocator, tensor, array.address(), schema.address());
            }
            MemorySegment child = CStruct.ARRAY.move(CStruct.ARRAY.child(array, 0));
            MemorySegment childSchema = CStruct.SCHEMA.move(CStruct.SCHEMA.child(schema, 0));
            CStruct.ARRAY.release(array);
            CStruct.SCHEMA.release(schema);
            try (Tensor imported = ArrowTensors.importTensor(allocator, child.address(), childSchema.address())) {
                assertThat(imported.info()).isEqualTo(new TensorInfo("item", DType.F16, Shape.of(6)));
                assertThat(imported.data().toArray(JAVA_BYTE)).isEqualTo(expected);
            }
            assertThat(allocator.allocatedBytes()).isZero();
        }
    }

    @Test
    void whatContradictsItselfIsRefusedAndReleased() {
        var lies = new LinkedHashMap<String, BiConsumer<MemorySegment, MemorySegment>>();
        lies.put("nulls", (array, _) -> array.set(JAVA_LONG, CStruct.NULL_COUNT, 1));
        lies.put("nulls ", (array, _) -> CStruct.ARRAY.child(array, 0).set(JAVA_LONG, CStruct.NULL_COUNT, 1));
        lies.put("shorter", (array, _) -> CStruct.ARRAY.child(array, 0).set(JAVA_LONG, CStruct.LENGTH, 5));
        lies.put("shorter ", (array, _) -> array.set(JAVA_LONG, CStruct.LENGTH, -1));
        lies.put(" shorter", (array, _) -> array.set(JAVA_LONG, CStruct.OFFSET, -1));
        lies.put("counted", (array, _) -> array.set(JAVA_LONG, CStruct.OFFSET, Long.MAX_VALUE / 2));
        lies.put("does not match", (array, _) -> array.set(JAVA_LONG, CStruct.BUFFER_COUNT, 3));
        lies.put("dictionary", (_, schema) -> schema.set(JAVA_LONG, CStruct.SCHEMA.dictionary(), 8));
        lies.put("nested", (_, schema) -> schema.set(JAVA_LONG, CStruct.SCHEMA.childCount(), 2));
        lies.put("on 48 bytes", (array, _) -> {
            array.set(JAVA_LONG, CStruct.LENGTH, 2);
            CStruct.ARRAY.child(array, 0).set(JAVA_LONG, CStruct.LENGTH, 12);
        });
        lies.forEach((reason, lie) -> {
            try (var allocator = TensorAllocator.unlimited();
                    var arena = Arena.ofConfined()) {
                MemorySegment array = arena.allocate(80, 8);
                MemorySegment schema = arena.allocate(72, 8);
                try (Tensor tensor = random(allocator, new TensorInfo("t", DType.F32, Shape.of(2, 3)), 5)) {
                    ArrowTensors.exportTensor(allocator, tensor, array.address(), schema.address());
                }
                // The child counts go back before the release, which walks the children.
                long children = schema.get(JAVA_LONG, CStruct.SCHEMA.childCount());
                lie.accept(array, schema);
                if (schema.get(JAVA_LONG, CStruct.SCHEMA.childCount()) != children) {
                    assertThatThrownBy(() -> CImport.column(schema)).hasMessageContaining(reason.strip());
                    schema.set(JAVA_LONG, CStruct.SCHEMA.childCount(), children);
                    CStruct.ARRAY.release(array);
                    CStruct.SCHEMA.release(schema);
                } else {
                    assertThatThrownBy(() -> ArrowTensors.importTensor(allocator, array.address(), schema.address()))
                            .isInstanceOf(InputException.class)
                            .hasMessageContaining(reason.strip());
                }
                assertThat(allocator.allocatedBytes()).isZero();
            }
        });
    }

    @Test
    void anImportCountsAgainstTheLimit() {
        try (var allocator = TensorAllocator.unlimited();
                var small = TensorAllocator.withLimit(100);
                var arena = Arena.ofConfined()) {
            MemorySegment array = arena.allocate(80, 8);
            MemorySegment schema = arena.allocate(72, 8);
            try (Tensor tensor = allocator.allocate(new TensorInfo("t", DType.F32, Shape.of(100)))) {
                ArrowTensors.exportTensor(allocator, tensor, array.address(), schema.address());
            }
            assertThatThrownBy(() -> ArrowTensors.importTensor(small, array.address(), schema.address()))
                    .isInstanceOf(UsageException.class);
            assertThat(allocator.allocatedBytes()).isZero();
            assertThat(small.allocatedBytes()).isZero();
        }
    }

    @Test
    void importedMemoryIsGoneAfterClose() {
        try (var allocator = TensorAllocator.unlimited();
                var arena = Arena.ofConfined()) {
            MemorySegment array = arena.allocate(80, 8);
            MemorySegment schema = arena.allocate(72, 8);
            try (Tensor tensor = random(allocator, new TensorInfo("t", DType.BF16, Shape.of(7)), 3)) {
                ArrowTensors.exportTensor(allocator, tensor, array.address(), schema.address());
            }
            Tensor imported = ArrowTensors.importTensor(allocator, array.address(), schema.address());
            MemorySegment kept = imported.data();
            imported.close();
            assertThatIllegalStateException().isThrownBy(() -> kept.get(JAVA_BYTE, 0));
        }
    }

    @Test
    void aViewOfATensorIsSharedAndForeignMemoryIsCopied() {
        var info = new TensorInfo("row", DType.F32, Shape.of(4));
        try (var allocator = TensorAllocator.unlimited();
                Tensor tensor = random(allocator, new TensorInfo("t", DType.F32, Shape.of(3, 4)), 4)) {
            Tensor view = Tensor.view(info, tensor.data().asSlice(16, 16));
            try (FixedShapeTensorVector vector = ArrowTensors.vector(allocator, view);
                    Tensor back = ArrowTensors.tensor(allocator, vector)) {
                assertThat(back.data().address()).isEqualTo(tensor.data().address() + 16);
                assertThat(back.hasHeaderRoom()).isFalse();
            }
            Tensor foreign =
                    Tensor.view(info, MemorySegment.ofArray(new byte[16]).fill((byte) 9));
            try (FixedShapeTensorVector vector = ArrowTensors.vector(allocator, foreign);
                    Tensor back = ArrowTensors.tensor(allocator, vector)) {
                assertThat(back.data().mismatch(foreign.data())).isEqualTo(-1);
                assertThat(back.hasHeaderRoom()).isTrue();
            }
        }
    }

    @Test
    void plainVectorsBecomeTensors() {
        try (var allocator = TensorAllocator.unlimited();
                var vector = new Float4Vector("x", ArrowTensors.buffers(allocator))) {
            vector.allocateNew(1000);
            for (int i = 0; i < 1000; i++) {
                vector.set(i, i);
            }
            vector.setValueCount(1000);
            try (Tensor tensor = ArrowTensors.tensor(allocator, vector)) {
                assertThat(tensor.info()).isEqualTo(new TensorInfo("x", DType.F32, Shape.of(1000)));
                assertThat(tensor.data().address()).isEqualTo(vector.getDataBufferAddress());
                assertThat(tensor.hasHeaderRoom()).isTrue();
                assertThat(tensor.data().getAtIndex(JAVA_FLOAT, 999)).isEqualTo(999f);
            }
            vector.setNull(3);
            assertThatThrownBy(() -> ArrowTensors.tensor(allocator, vector))
                    .isInstanceOf(InputException.class)
                    .hasMessageContaining("nulls");
        }
    }

    @Test
    void listsOfNumbersOfAnyAllocatorBecomeMatrices() {
        try (var allocator = TensorAllocator.unlimited();
                var root = new RootAllocator();
                var list = FixedSizeListVector.empty("m", 3, root)) {
            list.addOrGetVector(FieldType.notNullable(new ArrowType.FloatingPoint(FloatingPointPrecision.SINGLE)));
            list.allocateNew();
            var data = (Float4Vector) list.getDataVector();
            data.allocateNew(6);
            for (int i = 0; i < 6; i++) {
                data.set(i, i);
            }
            list.setNotNull(0);
            list.setNotNull(1);
            list.setValueCount(2);
            try (Tensor tensor = ArrowTensors.tensor(allocator, list)) {
                assertThat(tensor.info()).isEqualTo(new TensorInfo("m", DType.F32, Shape.of(2, 3)));
            }
        }
    }

    @Test
    void otherExtensionsOfNumbersAreTheirNumbers() {
        try (var allocator = TensorAllocator.unlimited();
                var vector = new Bool8(new TinyIntVector("b", ArrowTensors.buffers(allocator)))) {
            try (Tensor empty = ArrowTensors.tensor(allocator, vector)) {
                assertThat(empty.info()).isEqualTo(new TensorInfo("b", DType.I8, Shape.of(0)));
                assertThat(empty.data().byteSize()).isZero();
            }
            vector.getUnderlyingVector().allocateNew(2);
            vector.getUnderlyingVector().set(0, 1);
            vector.getUnderlyingVector().set(1, 0);
            vector.setValueCount(2);
            try (Tensor tensor = ArrowTensors.tensor(allocator, vector)) {
                assertThat(tensor.info()).isEqualTo(new TensorInfo("b", DType.I8, Shape.of(2)));
                assertThat(tensor.data().toArray(JAVA_BYTE)).containsExactly(1, 0);
            }
        }
    }

    /** Somebody else's extension type, whose field says what it is stored as. */
    private static final class Bool8 extends ExtensionTypeVector<TinyIntVector> {
        Bool8(TinyIntVector storage) {
            super(storage.getName(), storage.getAllocator(), storage);
        }

        @Override
        public Object getObject(int index) {
            return getUnderlyingVector().get(index) != 0;
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

    @Test
    void textIsNoTensor() {
        try (var allocator = TensorAllocator.unlimited();
                var text = new VarCharVector("s", ArrowTensors.buffers(allocator))) {
            assertThatThrownBy(() -> ArrowTensors.tensor(allocator, text))
                    .isInstanceOf(InputException.class)
                    .hasMessageContaining("'s'");
        }
    }

    @Test
    void aReleasedExportIsRefused() {
        try (var allocator = TensorAllocator.unlimited();
                var arena = Arena.ofConfined()) {
            MemorySegment array = arena.allocate(80, 8);
            MemorySegment schema = arena.allocate(72, 8);
            assertThatThrownBy(() -> ArrowTensors.importTensor(allocator, array.address(), schema.address()))
                    .isInstanceOf(InputException.class);
        }
    }

    @Test
    void theLimitHoldsForColumnsToo() {
        try (var allocator = TensorAllocator.withLimit(1024);
                Tensor tensor = allocator.allocate(new TensorInfo("t", DType.U8, Shape.of(1000)))) {
            assertThatThrownBy(() -> ArrowTensors.vector(allocator, tensor))
                    .isInstanceOf(UsageException.class)
                    .hasMessageContaining("'t'");
            assertThat(allocator.allocatedBytes()).isEqualTo(1024);
        }
    }

    @Test
    void aColumnThatContradictsItsMetadataIsRefused() {
        ArrowType bytes = new ArrowType.Int(8, false);
        for (var metadata : List.of(
                Map.of(ArrowColumn.DTYPE, "F32", ArrowColumn.SHAPE, "[4]"),
                Map.of(ArrowColumn.DTYPE, "U8", ArrowColumn.SHAPE, "[5]"),
                Map.of(ArrowColumn.DTYPE, "U8", ArrowColumn.SHAPE, "[-4]"),
                Map.of(ArrowColumn.DTYPE, "U8", ArrowColumn.SHAPE, "[4.0]"),
                Map.of(ArrowColumn.DTYPE, "U8", ArrowColumn.SHAPE, "{}"),
                Map.of(ArrowColumn.DTYPE, "U8", ArrowColumn.SHAPE, "["),
                Map.of(ArrowColumn.DTYPE, "U8"),
                Map.of(ArrowColumn.DTYPE, "Q4_0", ArrowColumn.SHAPE, "[4]"),
                Map.of(ArrowColumn.DTYPE, "U8", ArrowColumn.SHAPE, "[4611686018427387904,4611686018427387904]"),
                Map.of(ArrowColumn.DTYPE, "F9", ArrowColumn.SHAPE, "[4]"))) {
            var column = new ArrowColumn("c", bytes, List.of(4), metadata);
            assertThatThrownBy(() -> column.info("here", 1))
                    .as("%s", metadata)
                    .isInstanceOf(InputException.class)
                    .hasMessageStartingWith("here: tensor 'c'");
        }
    }

    @Test
    void theExtensionTypeReadsItsOwnMetadataAndRefusesLies() {
        FixedShapeTensorType.register();
        var type = new FixedShapeTensorType(2, 3);
        assertThat(type.serialize()).isEqualTo("{\"shape\":[2,3]}");
        assertThat(type.deserialize(
                        new ArrowType.FixedSizeList(6),
                        "{\"shape\":[2,3],\"dim_names\":[\"a\",\"b\"]," + "\"permutation\":[0,1]}"))
                .isEqualTo(type);
        for (String bad : List.of(
                "{}",
                "",
                "{\"shape\":[7]}",
                "{\"shape\":[2,3],\"permutation\":[1,0]}",
                "{\"shape\":[65536,65536]}",
                "[2,3]")) {
            assertThatThrownBy(() -> type.deserialize(new ArrowType.FixedSizeList(6), bad))
                    .as(bad)
                    .isInstanceOf(IllegalArgumentException.class);
        }
    }

    @Test
    void theFieldIsReadBackByArrowAsItWas() {
        var info = new TensorInfo("w", DType.F8_E4M3, Shape.of(2, 3));
        var field = ArrowTensors.field(info);
        var schema = new Schema(List.of(field));
        var back = Schema.deserializeMessage(ByteBuffer.wrap(schema.serializeAsMessage()));
        assertThat(back.getFields().getFirst().getType()).isEqualTo(new FixedShapeTensorType(2, 3));
        try (var root = new RootAllocator();
                FieldVector vector = back.getFields().getFirst().createVector(root)) {
            assertThat(vector).isInstanceOf(FixedShapeTensorVector.class);
        }
        assertThatThrownBy(() -> ArrowTensors.field(new TensorInfo("w", DType.U8, Shape.of(1L << 31))))
                .isInstanceOf(UsageException.class);
    }
}
