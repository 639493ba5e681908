package dev.gust.formats.arrow;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.gust.formats.InputException;
import dev.gust.formats.UsageException;
import dev.gust.formats.tensor.DType;
import dev.gust.formats.tensor.Shape;
import dev.gust.formats.tensor.Tensor;
import dev.gust.formats.tensor.TensorInfo;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Structures of the C data interface that are made by hand, as other producers would. */
class CDataTest {
    private static MemorySegment schema(Arena arena, String format, MemorySegment... children) {
        MemorySegment schema = arena.allocate(CStruct.SCHEMA.bytes(), 8);
        schema.set(JAVA_LONG, CStruct.FORMAT, arena.allocateFrom(format).address());
        schema.set(JAVA_LONG, CStruct.NAME, arena.allocateFrom("x").address());
        children(arena, CStruct.SCHEMA, schema, children);
        return schema;
    }

    private static MemorySegment array(
            Arena arena, long length, long offset, long nulls, MemorySegment[] buffers, MemorySegment... children) {
        MemorySegment array = arena.allocate(CStruct.ARRAY.bytes(), 8);
        array.set(JAVA_LONG, CStruct.LENGTH, length);
        array.set(JAVA_LONG, CStruct.OFFSET, offset);
        array.set(JAVA_LONG, CStruct.NULL_COUNT, nulls);
        array.set(JAVA_LONG, CStruct.BUFFER_COUNT, buffers.length);
        MemorySegment pointers = arena.allocate(JAVA_LONG, buffers.length);
        for (int i = 0; i < buffers.length; i++) {
            pointers.setAtIndex(JAVA_LONG, i, buffers[i].address());
        }
        array.set(JAVA_LONG, CStruct.BUFFERS, pointers.address());
        children(arena, CStruct.ARRAY, array, children);
        return array;
    }

    private static void children(Arena arena, CStruct layout, MemorySegment struct, MemorySegment... children) {
        MemorySegment pointers = arena.allocate(JAVA_LONG, children.length + 1L);
        for (int i = 0; i < children.length; i++) {
            pointers.setAtIndex(JAVA_LONG, i, children[i].address());
        }
        struct.set(JAVA_LONG, layout.childCount(), children.length);
        struct.set(JAVA_LONG, layout.children(), pointers.address());
        // Never called: these tests look at the structures without taking them over.
        struct.set(JAVA_LONG, layout.release(), 1);
    }

    private static MemorySegment[] buffers(MemorySegment... buffers) {
        return buffers;
    }

    @Test
    void offsetsOfNestedSlicesAddUp() {
        try (var arena = Arena.ofConfined()) {
            MemorySegment values = arena.allocateFrom(JAVA_INT, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11);
            MemorySegment none = MemorySegment.NULL;
            // Values from 1 on, in lists of 2 of which the first is cut off, twice.
            MemorySegment inner = array(arena, 11, 1, 0, buffers(none, values));
            MemorySegment lists = array(arena, 4, 1, 0, buffers(none), inner);
            MemorySegment outer = array(arena, 1, 1, 0, buffers(none), lists);
            var column = CImport.column(schema(arena, "+w:2", schema(arena, "+w:2", schema(arena, "i"))));
            assertThat(column.lists()).isEqualTo(List.of(2, 2));
            CImport.Values found = CImport.values(outer, column);
            // Row 1 is lists 2 and 3 of the slice, 3 and 4 of all; those begin at value 6 of the slice, 7 of all.
            assertThat(found.rows()).isEqualTo(1);
            assertThat(found.address()).isEqualTo(values.address() + 4 * 7);
            outer.set(JAVA_LONG, CStruct.OFFSET, 2);
            assertThatThrownBy(() -> CImport.values(outer, column))
                    .isInstanceOf(InputException.class)
                    .hasMessageContaining("shorter");
        }
    }

    @ParameterizedTest
    @CsvSource({"0, 8, true", "0, 7, false", "1, 7, true", "2, 5, false", "3, 4, false", "8, 3, false", "8, 2, false"})
    void uncountedNullsAreLookedFor(long offset, long length, boolean nulls) {
        try (var arena = Arena.ofConfined()) {
            MemorySegment bits = arena.allocateFrom(JAVA_BYTE, (byte) 0b0111_1111, (byte) 0b0000_0111);
            MemorySegment values = arena.allocate(16 * 4);
            MemorySegment array = array(arena, length, offset, -1, buffers(bits, values));
            var column = new ArrowColumn("x", ArrowColumn.storage(DType.I32), List.of(), Map.of());
            if (nulls) {
                assertThatThrownBy(() -> CImport.values(array, column))
                        .isInstanceOf(InputException.class)
                        .hasMessageContaining("nulls");
            } else {
                assertThat(CImport.values(array, column).address()).isEqualTo(values.address() + 4 * offset);
            }
        }
    }

    @Test
    void valuesWithoutABufferAreRefused() {
        try (var arena = Arena.ofConfined()) {
            MemorySegment none = MemorySegment.NULL;
            var column = new ArrowColumn("x", ArrowColumn.storage(DType.I32), List.of(), Map.of());
            MemorySegment array = array(arena, 1, 0, 0, buffers(none, none));
            assertThatThrownBy(() -> CImport.values(array, column)).isInstanceOf(InputException.class);
            assertThat(CImport.values(array(arena, 0, 0, 0, buffers(none, none)), column)
                            .rows())
                    .isZero();
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"g", "f", "e", "l", "L", "i", "I", "s", "S", "c", "C"})
    void formatsAreReadAndWritten(String format) {
        try (var arena = Arena.ofConfined()) {
            assertThat(CExport.format(CImport.column(schema(arena, format)).value()))
                    .isEqualTo(format);
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"u", "b", "", "+l", "+s", "+w:", "+w:-1", "+w:x", "+w:99999999999", "tdD", "w:16"})
    void otherFormatsAreRefused(String format) {
        try (var arena = Arena.ofConfined()) {
            assertThatThrownBy(() -> CImport.column(schema(arena, format, schema(arena, "i"))))
                    .isInstanceOf(InputException.class);
        }
    }

    @ParameterizedTest
    @ValueSource(longs = {256, 384, 512, 576, 640, 704})
    void anExportThatMeetsTheLimitLeavesNothingBehind(long limit) {
        try (var allocator = TensorAllocator.withLimit(limit);
                var arena = Arena.ofConfined();
                Tensor tensor = allocator.allocate(new TensorInfo("t", DType.U8, Shape.of(256)))) {
            MemorySegment array = arena.allocate(80, 8).fill((byte) -1);
            MemorySegment schema = arena.allocate(72, 8).fill((byte) -1);
            assertThatThrownBy(() -> ArrowTensors.exportTensor(allocator, tensor, array.address(), schema.address()))
                    .isInstanceOf(UsageException.class)
                    .hasMessageContaining("'t'");
            assertThat(CStruct.ARRAY.isReleased(array)).isTrue();
            assertThat(CStruct.SCHEMA.isReleased(schema)).isTrue();
            assertThat(allocator.allocatedBytes()).isEqualTo(256);
        }
    }
}
