package dev.gust.runtime.attention;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class SharesTest {
    /** Sequences, heads, panels, threads, and how many shares there must be at least. */
    @ParameterizedTest
    @CsvSource({
        "1, 32, 4, 2, 8",
        "1, 1, 4, 2, 4",
        "1, 3, 16, 2, 8",
        "3, 5, 1, 8, 15",
        "64, 32, 4, 2, 512",
        "1, 7, 1, 1, 1",
        "2, 2, 3, 64, 12",
        "0, 4, 1, 2, 0"
    })
    void everyPanelIsSomeonesOnce(int sequences, int heads, int panels, int threads, int least) {
        Shares shares = Shares.of(sequences, heads, panels, threads);
        assertThat(shares.count()).isGreaterThanOrEqualTo(least);
        var seen = new ArrayList<String>();
        for (long i = 0; i < shares.count(); i++) {
            Shares.Share share = shares.get(i);
            assertThat(share.endHead()).isGreaterThan(share.firstHead());
            assertThat(share.endPanel()).isGreaterThan(share.firstPanel());
            for (int head = share.firstHead(); head < share.endHead(); head++) {
                for (int panel = share.firstPanel(); panel < share.endPanel(); panel++) {
                    seen.add(share.sequence() + " " + head + " " + panel);
                }
            }
        }
        assertThat(seen).doesNotHaveDuplicates().hasSize(sequences * heads * panels);
    }
}
