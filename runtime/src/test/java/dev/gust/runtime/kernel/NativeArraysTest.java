package dev.gust.runtime.kernel;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import dev.gust.formats.arrow.TensorAllocator;
import dev.gust.formats.tensor.DType;
import dev.gust.formats.tensor.Shape;
import dev.gust.formats.tensor.Tensor;
import dev.gust.formats.tensor.TensorInfo;
import dev.gust.runtime.device.CopyCounter;
import java.lang.foreign.ValueLayout;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;

/** In a JVM without an SDK, whose API cannot wrap memory: everything is copied and counted. */
class NativeArraysTest {
    @Test
    void copiesAreRightAndCounted() {
        var copies = new CopyCounter();
        try (var memory = TensorAllocator.unlimited();
                Tensor tensor = memory.allocate(new TensorInfo("w", DType.U8, Shape.of(12)))) {
            tensor.data().set(ValueLayout.JAVA_INT, 8, 0x04030201);
            var arrays = new NativeArrays(copies, Optional.of(memory));
            IntArray words = arrays.words(tensor.data());
            assertThat(words.toHeapArray()).containsExactly(0, 0, 0x04030201, 0);
            assertThat(arrays.words(tensor.data().asSlice(0, 11)).toHeapArray()).containsExactly(0, 0, 0x00030201, 0);
            FloatArray floats = arrays.floats(tensor.data());
            assertThat(floats.toHeapArray()).containsExactly(0, 0, Float.intBitsToFloat(0x04030201));
            assertThat(copies.count()).isEqualTo(3);
            assertThat(copies.bytes()).isEqualTo(12 + 11 + 12);
        }
    }

    @Test
    void whatAnArrayCannotIndexIsRefused() {
        var arrays = new NativeArrays(new CopyCounter());
        assertThatIllegalArgumentException()
                .isThrownBy(() -> arrays.floats(NativeArrays.MAX_WORDS + 1))
                .withMessageContaining("blocks of rows");
    }
}
