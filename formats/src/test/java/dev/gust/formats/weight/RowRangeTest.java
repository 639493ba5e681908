package dev.gust.formats.weight;

import static org.assertj.core.api.Assertions.assertThat;

import dev.gust.formats.tensor.Shape;
import java.util.List;
import org.junit.jupiter.api.Test;

class RowRangeTest {
    @Test
    void nothingIsCutInNoPieces() {
        assertThat(RowRange.cut(Shape.of(0, 128), 1)).isEmpty();
        assertThat(RowRange.cut(Shape.of(128, 0), 128)).isEmpty();
        assertThat(RowRange.cut(Shape.of(0), 1)).isEmpty();
        assertThat(RowRange.cut(Shape.of(0, 1L << 62), 1)).isEmpty();
    }

    @Test
    void vectorsAndScalarsAreOneRow() {
        assertThat(RowRange.cut(Shape.of(), 1)).containsExactly(new RowRange(0, 1));
        assertThat(RowRange.cut(Shape.of(1 << 20), 1)).containsExactly(new RowRange(0, 1));
    }

    @Test
    void piecesCoverEachRowOnceAndKeepBlocksAndMatricesWhole() {
        for (Shape shape : List.of(
                Shape.of(1, 7),
                Shape.of(3000, 129),
                Shape.of(5, 131, 1024),
                Shape.of(2, 3, 1000, 300),
                Shape.of(300, 1 << 20))) {
            for (int block : new int[] {1, 128}) {
                long next = 0;
                for (RowRange range : RowRange.cut(shape, block)) {
                    assertThat(range.first()).isEqualTo(next);
                    long inMatrix = range.first() % shape.dim(-2);
                    assertThat(inMatrix % block).isZero();
                    assertThat(inMatrix + range.count()).isLessThanOrEqualTo(shape.dim(-2));
                    assertThat(range.count())
                            .isBetween(1L, Math.max(block, RowRange.PIECE_ELEMENTS / shape.columns() + block));
                    next += range.count();
                }
                assertThat(next).isEqualTo(shape.rows());
            }
        }
    }
}
