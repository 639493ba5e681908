package dev.gust.runtime.attention.parallel;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.gust.formats.DeviceException;
import java.lang.foreign.MemorySegment;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(20)
class LocalLinksTest {
    private static MemorySegment message(int... values) {
        return MemorySegment.ofArray(values);
    }

    private static int[] received(Link link, int from, int length) {
        int[] values = new int[length];
        link.receive(from, message(values));
        return values;
    }

    @Test
    void messagesArriveInTheirOrderAndAreCopies() {
        var links = new LocalLinks(3);
        int[] sent = {1, 2};
        links.link(0).send(2, message(sent));
        sent[0] = 9;
        links.link(0).send(2, message(3));
        links.link(1).send(2, message(4));
        assertThat(received(links.link(2), 1, 1)).containsExactly(4);
        assertThat(received(links.link(2), 0, 2)).containsExactly(1, 2);
        assertThat(received(links.link(2), 0, 1)).containsExactly(3);
    }

    @Test
    void aMessageOfAnotherSizeIsAnError() {
        var links = new LocalLinks(2);
        links.link(0).send(1, message(1, 2, 3));
        assertThatThrownBy(() -> links.link(1).receive(0, message(0)))
                .isInstanceOf(DeviceException.class)
                .hasMessageContaining("sent 12 bytes where rank 1 expects 4");
    }

    @Test
    void aFailureEndsWaiting() {
        var links = new LocalLinks(2);
        var waiting = CompletableFuture.runAsync(() -> links.link(1).receive(0, message(0)));
        links.fail("rank 0 failed");
        assertThatThrownBy(() -> waiting.get(10, TimeUnit.SECONDS))
                .hasCauseInstanceOf(DeviceException.class)
                .hasMessageContaining("rank 0 failed");
        assertThatThrownBy(() -> links.link(0).send(1, message(1))).isInstanceOf(DeviceException.class);
        assertThatThrownBy(() -> links.link(0).send(2, message(1))).isInstanceOf(IllegalArgumentException.class);
    }
}
