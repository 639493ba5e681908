package dev.gust.quantization.vq;

import java.util.Arrays;
import java.util.SplittableRandom;

/** A random choice of rows, each subset as likely as any other. */
final class Sample {
    private Sample() {}

    /**
     * Draws without replacement.
     *
     * @param count rows there are
     * @param wanted rows to draw, at most that many
     * @param shuffled in random order; ascending otherwise
     */
    static int[] of(int count, int wanted, boolean shuffled, SplittableRandom random) {
        int[] rows = new int[count];
        for (int i = 0; i < count; i++) {
            rows[i] = i;
        }
        for (int i = 0; i < wanted; i++) {
            int other = random.nextInt(i, count);
            int row = rows[other];
            rows[other] = rows[i];
            rows[i] = row;
        }
        int[] drawn = Arrays.copyOf(rows, wanted);
        if (!shuffled) {
            Arrays.sort(drawn);
        }
        return drawn;
    }
}
