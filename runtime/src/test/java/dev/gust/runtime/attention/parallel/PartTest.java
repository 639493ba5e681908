package dev.gust.runtime.attention.parallel;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.gust.formats.UsageException;
import dev.gust.runtime.attention.Sequences;
import org.junit.jupiter.api.Test;

class PartTest {
    private static final Sequences ROW = new Sequences(0, 4, 4, 10, 12);

    @Test
    void aPartHasTheSequencesWithTokensInIt() {
        assertThat(Part.of(ROW, 0, 12)).isEqualTo(new Part(0, ROW, false, false));
        assertThat(Part.of(ROW, 0, 4)).isEqualTo(new Part(0, new Sequences(0, 4), false, false));
        assertThat(Part.of(ROW, 3, 5)).isEqualTo(new Part(0, new Sequences(0, 1, 1, 2), true, true));
        assertThat(Part.of(ROW, 4, 11)).isEqualTo(new Part(2, new Sequences(0, 6, 7), false, true));
        assertThat(Part.of(ROW, 5, 9)).isEqualTo(new Part(2, new Sequences(0, 4), true, true));
        assertThat(Part.of(ROW, 9, 12)).isEqualTo(new Part(2, new Sequences(0, 1, 3), true, false));
        assertThat(Part.of(ROW, 7, 7).sequences()).isEqualTo(new Sequences(0));
    }

    @Test
    void onlyAPieceOfOneSequenceHasToWait() {
        assertThat(Part.of(ROW, 5, 9).isWithinOne()).isTrue();
        assertThat(Part.of(ROW, 4, 9).isWithinOne()).isFalse();
        assertThat(Part.of(ROW, 3, 5).isWithinOne()).isFalse();
        assertThat(Part.of(ROW, 7, 7).isWithinOne()).isFalse();
    }

    @Test
    void noSequencesContinueNothing() {
        assertThatThrownBy(() -> new Part(0, new Sequences(0), true, false)).isInstanceOf(UsageException.class);
    }

    @Test
    void evenPartsDifferByATokenAtMost() {
        assertThat(Partition.even(11, 3)).isEqualTo(new Partition(0, 3, 7, 11));
        assertThat(Partition.even(2, 5).cuts()).containsExactly(0, 0, 0, 1, 1, 2);
        assertThat(Partition.even(Integer.MAX_VALUE, 2).first(1)).isEqualTo(Integer.MAX_VALUE / 2);
    }
}
