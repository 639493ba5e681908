package dev.gust.runtime.hybrid;

import dev.gust.runtime.attention.Sequences;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;

/** Where sequences are cut into chunks, and which heads put which chunk into softmax attention. */
final class ChunkRoutes {
    private final Sequences sequences;
    private final Sequences chunks;
    private final int[] firstChunks;
    private final int heads;
    private final boolean[] softmax;

    /** @param router [tokens, H, 2] logits of delta and of softmax */
    ChunkRoutes(Sequences sequences, int chunk, int heads, MemorySegment router) {
        this.sequences = sequences;
        this.heads = heads;
        this.firstChunks = new int[sequences.count() + 1];
        int[] offsets = new int[1 + sequences.tokens()];
        int count = 0;
        for (int s = 0; s < sequences.count(); s++) {
            for (long i = sequences.first(s); i < sequences.end(s); i += chunk) {
                offsets[++count] = (int) Math.min(sequences.end(s), i + chunk);
            }
            firstChunks[s + 1] = count;
        }
        this.chunks = new Sequences(Arrays.copyOf(offsets, count + 1));
        this.softmax = new boolean[count * heads];
        for (int c = 0; c < count; c++) {
            for (int h = 0; h < heads; h++) {
                double sum = 0;
                for (long i = chunks.first(c); i < chunks.end(c); i++) {
                    long at = 2 * (i * heads + h);
                    sum += (double) HostRows.get(router, at + 1) - HostRows.get(router, at);
                }
                softmax[c * heads + h] = sum > 0;
            }
        }
    }

    /** All chunks of all sequences, as sequences. */
    Sequences chunks() {
        return chunks;
    }

    /** The first chunk of a sequence. */
    int firstChunk(int sequence) {
        return firstChunks[sequence];
    }

    /** Chunks of a sequence. */
    int count(int sequence) {
        return firstChunks[sequence + 1] - firstChunks[sequence];
    }

    int mostChunks() {
        int most = 0;
        for (int s = 0; s < sequences.count(); s++) {
            most = Math.max(most, count(s));
        }
        return most;
    }

    int first(int chunk) {
        return chunks.first(chunk);
    }

    int length(int chunk) {
        return chunks.end(chunk) - chunks.first(chunk);
    }

    boolean isSoftmax(int chunk, int head) {
        return softmax[chunk * heads + head];
    }

    /** What softmax sees: its chunks of the sequence, and the query's own chunk up to the query. */
    KeyRanges ranges() {
        int[] bounds = new int[KeyRanges.LENGTH * sequences.tokens()];
        int[] chosen = new int[sequences.tokens() * heads];
        for (int s = 0; s < sequences.count(); s++) {
            for (int c = firstChunks[s]; c < firstChunks[s + 1]; c++) {
                for (int i = first(c); i < chunks.end(c); i++) {
                    KeyRanges.set(bounds, i, sequences.first(s), first(c), i + 1);
                    for (int h = 0; h < heads; h++) {
                        chosen[i * heads + h] = isSoftmax(c, h) ? 1 : 0;
                    }
                }
            }
        }
        return new KeyRanges(bounds, chosen);
    }
}
