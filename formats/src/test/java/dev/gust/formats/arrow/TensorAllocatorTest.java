package dev.gust.formats.arrow;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.gust.formats.UsageException;
import dev.gust.formats.tensor.DType;
import dev.gust.formats.tensor.Shape;
import dev.gust.formats.tensor.Tensor;
import dev.gust.formats.tensor.TensorInfo;
import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.MethodType;
import java.util.ArrayList;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.Callable;
import java.util.concurrent.Executors;
import org.apache.arrow.memory.ArrowBuf;
import org.apache.arrow.memory.DefaultAllocationManagerOption;
import org.apache.arrow.memory.OutOfMemoryException;
import org.apache.arrow.memory.RootAllocator;
import org.apache.arrow.memory.unsafe.DefaultAllocationManagerFactory;
import org.apache.arrow.vector.Float4Vector;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class TensorAllocatorTest {
    private static TensorInfo bytes(String name, long size) {
        return new TensorInfo(name, DType.U8, Shape.of(size));
    }

    @ParameterizedTest
    @ValueSource(longs = {0, 1, 3, 4, 15, 16, 24, 63, 64, 65, 127, 128, 1000, 4095, 4096, 4097, 65_537, 3_000_001})
    void dataIsAlignedZeroedAndHasRoomInFront(long size) {
        try (var allocator = TensorAllocator.unlimited()) {
            for (int round = 0; round < 3; round++) {
                try (Tensor tensor = allocator.allocate(bytes("t", size))) {
                    assertThat(tensor.data().address() % 64).isZero();
                    assertThat(tensor.data().byteSize()).isEqualTo(size);
                    assertThat(tensor.hasHeaderRoom()).isTrue();
                    assertThat(tensor.data().mismatch(MemorySegment.ofArray(new byte[(int) size])))
                            .isEqualTo(-1);
                    // Filled with ones here, so that the next round sees it if memory were not cleared.
                    tensor.data().fill((byte) -1);
                    MemorySegment room = allocator.withHeader(tensor, 64).orElseThrow();
                    assertThat(room.byteSize()).isEqualTo(64 + size);
                    room.asSlice(0, 64).fill((byte) 7);
                    assertThat(tensor.data().mismatch(room.asSlice(64))).isEqualTo(-1);
                }
            }
            assertThat(allocator.allocatedBytes()).isZero();
        }
    }

    @Test
    void aHeaderOfAnySizeEndsWhereTheDataBegins() {
        try (var allocator = TensorAllocator.unlimited();
                Tensor tensor = allocator.allocate(bytes("t", 10))) {
            for (long header : new long[] {0, 16, 24, 64}) {
                MemorySegment whole = allocator.withHeader(tensor, header).orElseThrow();
                assertThat(whole.address()).isEqualTo(tensor.data().address() - header);
                assertThat(whole.byteSize()).isEqualTo(header + 10);
            }
            assertThat(allocator.withHeader(tensor, 65)).isEmpty();
        }
    }

    @ParameterizedTest
    @ValueSource(longs = {0, 1, 60, 63, 64, 65, 128, 4093})
    void afterTheDataLieZerosThatBelongToIt(long size) {
        try (var allocator = TensorAllocator.unlimited()) {
            for (int round = 0; round < 3; round++) {
                try (Tensor tensor = allocator.allocateForOverwrite(bytes("t", size))) {
                    tensor.data().fill((byte) -1);
                    MemorySegment whole =
                            allocator.withRoom(tensor.data(), 16, 64).orElseThrow();
                    assertThat(whole.address()).isEqualTo(tensor.data().address() - 16);
                    assertThat(whole.byteSize()).isEqualTo(16 + size + 64);
                    assertThat(whole.asSlice(16 + size).mismatch(MemorySegment.ofArray(new byte[64])))
                            .isEqualTo(-1);
                    assertThat(allocator.withRoom(tensor.data(), 65, 0)).isEmpty();
                    assertThat(allocator.withRoom(tensor.data(), 0, 65)).isEmpty();
                    if (size > 1) {
                        assertThat(allocator.withRoom(tensor.data().asSlice(0, size - 1), 0, 0))
                                .isEmpty();
                        assertThat(allocator.withRoom(tensor.data().asSlice(1), 0, 0))
                                .isEmpty();
                    }
                    assertThat(allocator.withRoom(MemorySegment.ofArray(new byte[(int) size]), 0, 0))
                            .isEmpty();
                }
            }
        }
    }

    @Test
    void memoryOfOthersHasNoRoom() {
        try (var allocator = TensorAllocator.unlimited();
                Tensor tensor = allocator.allocate(bytes("t", 128))) {
            Tensor slice = Tensor.view(bytes("s", 64), tensor.data().asSlice(64, 64));
            assertThat(allocator.withHeader(slice, 16)).isEmpty();
            assertThat(allocator.withHeader(Tensor.view(bytes("h", 4), MemorySegment.ofArray(new byte[4])), 16))
                    .isEmpty();
        }
    }

    @Test
    void sizesAreRoundedTo64AndNotToPowersOfTwo() {
        try (var allocator = TensorAllocator.unlimited();
                Tensor a = allocator.allocate(bytes("a", 1_000_000));
                Tensor b = allocator.allocate(bytes("b", 1))) {
            assertThat(a.data().byteSize() + b.data().byteSize()).isEqualTo(1_000_001);
            assertThat(allocator.allocatedBytes()).isEqualTo(1_000_000 + 64);
            assertThat(allocator.peakBytes()).isEqualTo(1_000_064);
        }
    }

    @Test
    void aTensorMayBeLargerThanAnInt() {
        long size = (1L << 31) + 77;
        try (var allocator = TensorAllocator.unlimited();
                Tensor tensor = allocator.allocateForOverwrite(bytes("large", size))) {
            // Untouched pages cost nothing.
            tensor.data().set(JAVA_BYTE, size - 1, (byte) 42);
            assertThat(tensor.data().get(JAVA_BYTE, size - 1)).isEqualTo((byte) 42);
            assertThat(tensor.data().byteSize()).isEqualTo(size);
        }
    }

    @Test
    void theLimitIsKeptAndAFailureLeavesNothingBehind() {
        try (var allocator = TensorAllocator.withLimit(1024)) {
            Tensor first = allocator.allocate(bytes("first", 1000));
            assertThatThrownBy(() -> allocator.allocate(bytes("second", 1)))
                    .isInstanceOf(UsageException.class)
                    .hasMessageContaining("'second'")
                    .hasMessageContaining("1024");
            assertThat(allocator.allocatedBytes()).isEqualTo(1024);
            first.close();
            allocator.allocate(bytes("third", 1024)).close();
            assertThat(allocator.allocatedBytes()).isZero();
        }
        assertThatThrownBy(() -> TensorAllocator.withLimit(-1)).isInstanceOf(UsageException.class);
    }

    @ParameterizedTest
    @ValueSource(longs = {1L << 56, Long.MAX_VALUE - 200, Long.MAX_VALUE - 63, Long.MAX_VALUE})
    void whatNoSystemHasIsRefusedCleanly(long size) {
        try (var allocator = TensorAllocator.unlimited()) {
            assertThatThrownBy(() -> allocator.allocate(bytes("vast", size)))
                    .isInstanceOf(UsageException.class)
                    .hasMessageContaining("'vast'");
            assertThat(allocator.allocatedBytes()).isZero();
            allocator.allocate(bytes("small", 8)).close();
        }
    }

    @Test
    void aRefusalOfTheSystemIsNoCrash() {
        AlignedHeap exhausted = AlignedHeap.CLibrary.find(
                        Linker.nativeLinker(), Linker.nativeLinker().defaultLookup())
                .orElseThrow();
        assertThat(exhausted.allocate(1L << 60)).isEmpty();
        var memory = new HeaderedMemory(exhausted);
        try (var root = new RootAllocator()) {
            assertThatThrownBy(() -> memory.create(root, 1L << 60)).isInstanceOf(OutOfMemoryException.class);
        }
    }

    @Test
    void windowsWantsTheSizeFirst() throws Exception {
        var lookup = MethodHandles.lookup();
        var type = MethodType.methodType(MemorySegment.class, long.class, long.class);
        try (var arena = Arena.ofConfined()) {
            // Answers with its arguments, so that the address tells what was asked for.
            MemorySegment allocate = Linker.nativeLinker()
                    .upcallStub(
                            lookup.findStatic(TensorAllocatorTest.class, "echo", type),
                            FunctionDescriptor.of(ADDRESS, JAVA_LONG, JAVA_LONG),
                            arena);
            Map<String, MemorySegment> windows = Map.of(
                    "_aligned_malloc", allocate,
                    "_aligned_free", MemorySegment.ofAddress(1),
                    "free", MemorySegment.ofAddress(1));
            AlignedHeap heap = AlignedHeap.CLibrary.find(
                            Linker.nativeLinker(), name -> Optional.ofNullable(windows.get(name)))
                    .orElseThrow();
            assertThat(heap.allocate(640).orElseThrow().address()).isEqualTo(640_064);
        }
    }

    static MemorySegment echo(long size, long alignment) {
        return MemorySegment.ofAddress(1000 * size + alignment);
    }

    @Test
    void arenasStandInWhereTheCLibraryHasNoAlignedAllocation() {
        assertThat(AlignedHeap.CLibrary.find(Linker.nativeLinker(), _ -> Optional.empty()))
                .isEmpty();
        try (var allocator = TensorAllocator.on(new HeaderedMemory(new AlignedHeap.Arenas()), Long.MAX_VALUE)) {
            try (Tensor tensor = allocator.allocate(bytes("t", 100))) {
                assertThat(tensor.data().address() % 64).isZero();
                allocator.withHeader(tensor, 64).orElseThrow().fill((byte) 1);
            }
            assertThatThrownBy(() -> allocator.allocate(bytes("vast", 1L << 56)))
                    .isInstanceOf(UsageException.class);
        }
    }

    @Test
    void useAfterCloseThrows() {
        try (var allocator = TensorAllocator.unlimited()) {
            Tensor tensor = allocator.allocate(bytes("t", 64));
            MemorySegment kept = tensor.data();
            MemorySegment header = allocator.withHeader(tensor, 16).orElseThrow();
            tensor.close();
            tensor.close();
            assertThatIllegalStateException().isThrownBy(tensor::data);
            assertThatIllegalStateException().isThrownBy(() -> kept.get(JAVA_BYTE, 0));
            assertThatIllegalStateException().isThrownBy(() -> header.set(JAVA_INT, 0, 1));
        }
    }

    @Test
    void otherThreadsMayUseAndCloseATensor() throws Exception {
        try (var allocator = TensorAllocator.unlimited();
                var threads = Executors.newFixedThreadPool(4)) {
            var tasks = new ArrayList<Callable<Integer>>();
            for (int i = 0; i < 64; i++) {
                Tensor tensor = allocator.allocate(new TensorInfo("t" + i, DType.I32, Shape.of(100)));
                int value = i;
                tasks.add(() -> {
                    try (tensor) {
                        tensor.data().setAtIndex(JAVA_INT, 99, value);
                        try (Tensor copy = allocator.copyOf(tensor)) {
                            return copy.data().getAtIndex(JAVA_INT, 99);
                        }
                    }
                });
            }
            int sum = 0;
            for (var result : threads.invokeAll(tasks)) {
                sum += result.get();
            }
            assertThat(sum).isEqualTo(64 * 63 / 2);
            assertThat(allocator.allocatedBytes()).isZero();
        }
    }

    @Test
    void closeNamesWhatLeakedAndFreesIt() {
        var allocator = TensorAllocator.unlimited();
        Tensor closed = allocator.allocate(bytes("closed", 1));
        Tensor leaked = allocator.allocate(bytes("blk.0.attn_q.weight", 1000));
        MemorySegment kept = leaked.data();
        closed.close();
        assertThatIllegalStateException()
                .isThrownBy(allocator::close)
                .withMessageContaining("1 tensors")
                .withMessageContaining("blk.0.attn_q.weight")
                .withMessageNotContaining("closed,");
        assertThatIllegalStateException().isThrownBy(() -> kept.get(JAVA_BYTE, 0));
        assertThatCode(leaked::close).doesNotThrowAnyException();
    }

    @Test
    void closeTellsOfVectorsThatStillHoldMemory() {
        var allocator = TensorAllocator.unlimited();
        var vector = new Float4Vector("v", ArrowTensors.buffers(allocator));
        vector.allocateNew(16);
        assertThatIllegalStateException().isThrownBy(allocator::close).withMessageContaining("held by Arrow vectors");
        vector.close();
        assertThatCode(allocator::close).doesNotThrowAnyException();
    }

    @Test
    void arrowFindsOurAllocatorByItself() {
        assertThat(DefaultAllocationManagerOption.getDefaultAllocationManagerType())
                .isEqualTo(DefaultAllocationManagerOption.AllocationManagerType.Unknown);
        assertThat(DefaultAllocationManagerFactory.FACTORY).isInstanceOf(HeaderedMemory.class);
        try (var root = new RootAllocator();
                ArrowBuf buffer = root.buffer(100)) {
            assertThat(HeaderedMemory.hasHeaderRoom(buffer)).isTrue();
            assertThat(buffer.memoryAddress() % 64).isZero();
            assertThat(root.getEmpty()).isSameAs(DefaultAllocationManagerFactory.FACTORY.empty());
        }
    }

    @Test
    void theNameThatArrowSearchesIsFoundOnce() throws Exception {
        var found = getClass()
                .getClassLoader()
                .getResources("org/apache/arrow/memory/unsafe/DefaultAllocationManagerFactory.class");
        assertThat(found.asIterator()).toIterable().hasSize(1);
    }

    @Test
    void onlyTheStartOfAnAllocationHasHeaderRoom() {
        try (var root = new RootAllocator();
                ArrowBuf buffer = root.buffer(256)) {
            assertThat(HeaderedMemory.hasHeaderRoom(buffer.slice(0, 64))).isTrue();
            assertThat(HeaderedMemory.hasHeaderRoom(buffer.slice(64, 64))).isFalse();
            assertThat(HeaderedMemory.hasHeaderRoom(root.getEmpty())).isFalse();
        }
    }
}
