package dev.gust.runtime.hybrid;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** How many keys SEA's choice comes to. */
class SeaChoiceTest {
    @ParameterizedTest
    @CsvSource({"1, 4, 3, 40", "3, 16, 2, 50", "2, 32, 7, 90", "4, 1, 1, 9", "2, 8, 100, 30"})
    void neverMoreThanThereIsRoomFor(int heads, int columns, int top, int tokens) {
        var choice = new SeaChoice(heads, columns, top);
        var random = new SplittableRandom(3);
        double[] probabilities = random.doubles((long) tokens * heads * columns).toArray();
        long keys = 0;
        for (int i = 0; i < tokens; i++) {
            boolean[] chosen = choice.columns(probabilities, i, i + 1);
            long of = 0;
            int before = 0;
            for (int j = 0; j <= i; j++) {
                int column = choice.column(j, i + 1);
                assertThat(column).isBetween(before, columns - 1);
                before = column;
                for (int h = 0; h < heads; h++) {
                    of += chosen[h * columns + column] ? 1 : 0;
                }
            }
            assertThat(of).isLessThanOrEqualTo(choice.most(i + 1));
            keys += of;
        }
        assertThat(keys).isPositive().isLessThanOrEqualTo(choice.most(tokens, 1, tokens));
    }

    @Test
    void columnsBeginWhereTheirFirstKeysDo() {
        for (int columns : new int[] {1, 2, 7, 64}) {
            var choice = new SeaChoice(2, columns, 3);
            for (int seen = 1; seen < 150; seen++) {
                for (int c = 0; c <= columns; c++) {
                    int first = 0;
                    while (first < seen && choice.column(first, seen) < c) {
                        first++;
                    }
                    assertThat(choice.firstUnder(c, seen))
                            .as("column %d of %d over %d keys", c, columns, seen)
                            .isEqualTo(first);
                }
            }
        }
    }
}
