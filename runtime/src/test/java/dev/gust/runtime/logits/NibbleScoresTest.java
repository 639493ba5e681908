package dev.gust.runtime.logits;

import static org.assertj.core.api.Assertions.assertThat;

import dev.gust.formats.vqhead.HeadMethod;
import dev.gust.runtime.jvm.JvmDevice;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.List;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Both ways to multiply by codes of 4 bits, whichever this machine chooses: lanes are right on all, but slow on some. */
class NibbleScoresTest {
    private static final int V = 2 * TokenScores.TILE + 77;

    @ParameterizedTest
    @CsvSource({"1,1", "40,1", "96,1e25", "33,1e-25", "100,0"})
    void bothWaysGiveTheScreensScores(int d, float size) {
        var screen = (Screen.Int4) SampleHeads.of(HeadMethod.INT4, V, d, 21).screen();
        float[] h = SampleHeads.gaussian(2 * d, new SplittableRandom(3));
        for (int i = 0; i < h.length; i++) {
            h[i] *= size;
        }
        check(screen, d, SampleHeads.floats(h));
    }

    /** The greatest sums of a block, of either sign, scales of all kinds, and a block that is not rounded to anything. */
    @Test
    void sumsAndScalesMayBeExtreme() {
        int d = 64;
        Arena arena = Arena.ofAuto();
        MemorySegment codes = arena.allocate((long) V * d / 2);
        MemorySegment scales = arena.allocate(2L * V * d / Screen.Int4.BLOCK, 2);
        short[] kinds = {0x0001, 0x03FF, 0x0400, 0x7BFF, (short) 0x8001, (short) 0xBC00, 0, (short) 0x8000};
        for (int token = 0; token < V; token++) {
            codes.asSlice((long) token * d / 2, d / 2)
                    .fill((byte) (token % 3 == 0 ? 0xFF : token % 3 == 1 ? 0x00 : 0xF0));
            for (int block = 0; block < 2; block++) {
                scales.setAtIndex(ValueLayout.JAVA_SHORT, 2L * token + block, kinds[(token + block) % kinds.length]);
            }
        }
        float[] h = new float[2 * d];
        for (int i = 0; i < 32; i++) {
            h[i] = 3;
            h[d + i] = i % 2 == 0 ? -5 : 5;
        }
        check(new Screen.Int4(d, codes, scales), d, SampleHeads.floats(h));
    }

    private static void check(Screen.Int4 screen, int d, MemorySegment h) {
        try (var device = new JvmDevice();
                var products = new ProductScores(device, List.of(NibbleBlocks.of(V, screen)), d, 1)) {
            var lanes = new NibbleScores(V, d, screen);
            float[] tile = new float[TokenScores.TILE];
            for (TokenScores scores : List.of(lanes, products)) {
                var panel = scores.panel(h, 0, 2);
                for (int row = 0; row < 2; row++) {
                    float[] steps = lanes.round(h, row).steps();
                    for (int first = 0; first < V; first += TokenScores.TILE) {
                        int count = Math.min(TokenScores.TILE, V - first);
                        panel.scores(row, first, count, tile);
                        for (int i = 0; i < count; i++) {
                            check(screen, d, h, row, first + i, steps, tile[i]);
                        }
                    }
                }
            }
        }
    }

    /** Each number of h is off by half a step at most. */
    private static void check(
            Screen.Int4 screen, int d, MemorySegment h, int row, int token, float[] steps, float got) {
        int blocks = screen.width() / Screen.Int4.BLOCK;
        double expected = 0;
        double off = 0;
        double size = 0;
        for (int c = 0; c < d; c++) {
            int block = c / Screen.Int4.BLOCK;
            int code = screen.codes().get(ValueLayout.JAVA_BYTE, ((long) token * screen.width() + c) / 2) >> 4 * (c & 1)
                    & 15;
            double w = (code - 8.0)
                    * Float.float16ToFloat(
                            screen.scales().getAtIndex(ValueLayout.JAVA_SHORT, (long) token * blocks + block));
            double x = h.get(HeadCall.F32, 4L * (row * d + c));
            expected += w * x;
            size += Math.abs(w * x);
            off += Math.abs(w) * steps[block] / 2;
        }
        assertThat(Math.abs(expected - got)).as("token %d, row %d", token, row).isLessThanOrEqualTo(off + 1e-5 * size);
    }
}
