package dev.gust.formats.onnx;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class TranspositionTest {
    @ParameterizedTest
    @CsvSource({"0,5", "5,0", "1,1", "1,300", "300,1", "63,65", "64,64", "65,63", "128,192", "257,131", "7,129"})
    void movesEveryElement(int rows, int columns) {
        for (int width : new int[] {1, 2, 4, 8}) {
            byte[] from = new byte[rows * columns * width];
            new Random(rows + columns).nextBytes(from);
            byte[] to = new byte[from.length];
            Transposition.transpose(MemorySegment.ofArray(from), rows, columns, width, MemorySegment.ofArray(to));
            byte[] expected = new byte[from.length];
            for (int r = 0; r < rows; r++) {
                for (int c = 0; c < columns; c++) {
                    System.arraycopy(from, (r * columns + c) * width, expected, (c * rows + r) * width, width);
                }
            }
            assertThat(Arrays.equals(to, expected)).as("width %d", width).isTrue();
        }
    }

    /** Ends at once: 2^62 rows of nothing fit into a file of a hundred bytes. */
    @Test
    void hasNothingToDoWithoutElements() {
        MemorySegment none = MemorySegment.ofArray(new byte[0]);
        Transposition.transpose(none, 1L << 62, 0, 4, none);
        Transposition.transpose(none, 0, 1L << 62, 4, none);
        assertThat(none.byteSize()).isZero();
    }

    @Test
    void refusesOtherWidths() {
        MemorySegment some = MemorySegment.ofArray(new byte[3]);
        assertThatIllegalArgumentException().isThrownBy(() -> Transposition.transpose(some, 1, 1, 3, some));
    }
}
