package dev.gust.runtime.attention;

import dev.gust.kernels.attention.DeltaTiles;
import dev.gust.kernels.attention.FenwickTable;
import java.util.Arrays;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;

/**
 * What tells the tuned chunk form of log-linear attention where chunks and the blocks that they see lie ({@link FenwickTable}).
 *
 * @param mostChunks chunks for which there is room
 */
record FenwickPlaces(int levels, int mostSequences, int mostChunks, IntArray sequences, IntArray chunks) {
    /** Chunks begin at positions that are multiples of this. */
    private static final int CHUNK = DeltaTiles.TOKENS;

    static FenwickPlaces of(DeltaSizes sizes, int levels) {
        // A sequence may begin and end within a chunk.
        int most = Math.max(1, sizes.tokens() / CHUNK + 2 * sizes.sequences());
        int row = FenwickTable.LEVELS + levels;
        return new FenwickPlaces(
                levels,
                sizes.sequences(),
                most,
                new IntArray(sizes.sequences() * FenwickTable.SEQUENCE_LENGTH),
                new IntArray(Math.multiplyExact(most, row)));
    }

    /** Says where a call's chunks are, after sequences have had {@code tokensBefore}. */
    void place(Sequences call, boolean[] cleared, int[] tokensBefore) {
        sequences.init(0);
        chunks.init(0);
        int next = 0;
        for (int n = 0; n < mostSequences; n++) {
            int row = n * FenwickTable.SEQUENCE_LENGTH;
            sequences.set(row + FenwickTable.FIRST_CHUNK, next);
            sequences.set(row + FenwickTable.CLEARED, cleared[n] ? 1 : 0);
            if (n < call.count()) {
                next = placeSequence(call, n, tokensBefore[n], cleared[n], next);
            }
            sequences.set(row + FenwickTable.CHUNKS, next - sequences.get(row + FenwickTable.FIRST_CHUNK));
        }
    }

    private int placeSequence(Sequences call, int sequence, int before, boolean cleared, int firstChunk) {
        int[] blocks = new int[levels];
        for (int level = 1; level < levels; level++) {
            blocks[level] = cleared || (before >> (level - 1) & 1) == 0 ? FenwickTable.GONE : FenwickTable.CARRIED;
        }
        int position = before;
        int chunk = firstChunk;
        int end = call.end(sequence);
        for (int first = call.first(sequence); first < end; chunk++) {
            int last = Math.min(end, first + CHUNK - position % CHUNK);
            int row = chunk * (FenwickTable.LEVELS + levels);
            chunks.set(row + FenwickTable.FIRST, first);
            chunks.set(row + FenwickTable.END, last);
            chunks.set(row + FenwickTable.SEQUENCE, sequence);
            chunks.set(row + FenwickTable.TOKENS, position);
            for (int level = 1; level < levels; level++) {
                chunks.set(row + FenwickTable.LEVELS + level, blocks[level]);
            }
            position += last - first;
            if (last < end) {
                int target = Integer.numberOfTrailingZeros(position) + 1;
                chunks.set(row + FenwickTable.TARGET, target);
                Arrays.fill(blocks, 1, target, FenwickTable.GONE);
                blocks[target] = FenwickTable.LEFT + chunk;
            }
            first = last;
        }
        return chunk;
    }
}
