package dev.gust.runtime.logits;

import static org.assertj.core.api.Assertions.assertThat;

import dev.gust.formats.vqhead.HeadMethod;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.SplittableRandom;
import java.util.regex.Pattern;
import jdk.incubator.vector.VectorShape;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Both ways to look up codes, whichever this machine chooses: lanes are right on all, but slow on some. */
class CodeScoresTest {
    @ParameterizedTest
    @CsvSource({"PQ,40,14", "PQ,1,1", "RVQ,9,3", "PQ,37,13"})
    void bothWaysGiveTheScreensScores(HeadMethod method, int d, int codes) {
        int v = 2 * TokenScores.TILE + 77;
        VqHead head = SampleHeads.of(method, v, d, 21);
        var screen = (Screen.Codes) head.screen();
        assertThat(screen.s()).isEqualTo(codes);
        MemorySegment h = SampleHeads.floats(SampleHeads.gaussian(2 * d, new SplittableRandom(3)));
        for (boolean lanes : new boolean[] {false, true}) {
            var panel = new CodeScores(v, d, screen, lanes).panel(h, 0, 2);
            float[] tile = new float[TokenScores.TILE];
            for (int row = 0; row < 2; row++) {
                ReferenceHead reference = HeadConformance.reference(head, h, row);
                // Each code's entry is off by half a step at most.
                double most =
                        lanes ? codes * new CodeTables(d, screen).round(h, row).step() / 2 : 0;
                for (int first = 0; first < v; first += TokenScores.TILE) {
                    int count = Math.min(TokenScores.TILE, v - first);
                    panel.scores(row, first, count, tile);
                    for (int i = 0; i < count; i++) {
                        int token = first + i;
                        double bias = head.bias()
                                .map(b -> (double) b.get(HeadCall.F32, 4L * token))
                                .orElse(0.0);
                        double expected = reference.screened(token) - bias;
                        assertThat(Math.abs(expected - tile[i]))
                                .as("token %d", token)
                                .isLessThanOrEqualTo(most + 1e-5 * (1 + Math.abs(expected)));
                    }
                }
            }
        }
    }

    /** However Linux spells the instruction, and on other systems by the width of vectors alone. */
    @Test
    void lanesAreUsedWhereTheProcessorHasThem() throws IOException {
        Path cpuinfo = Path.of("/proc/cpuinfo");
        boolean has = !Files.exists(cpuinfo)
                || Pattern.compile("\\bavx512_?vbmi\\b")
                        .matcher(Files.readString(cpuinfo))
                        .find();
        boolean wide = VectorShape.preferredShape().vectorBitSize() == 512;
        assertThat(CodeLanes.FIT).isEqualTo(wide && has);
    }
}
