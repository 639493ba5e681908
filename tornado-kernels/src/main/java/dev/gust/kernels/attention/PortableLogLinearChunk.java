package dev.gust.kernels.attention;

import uk.ac.manchester.tornado.api.annotations.Parallel;
import uk.ac.manchester.tornado.api.math.TornadoMath;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;

/**
 * {@link PortableLogLinear} in chunks of tokens, on any device: after {@link PortableDeltaChunk}'s {@code decaySumsPortable},
 * two kernels. Chunks may begin anywhere: a block of the tree that was there before is seen at the level of its tokens.
 */
public final class PortableLogLinearChunk {
    private PortableLogLinearChunk() {}

    /**
     * The weights of the pairs of each chunk and head; a row to a thread.
     *
     * @param sequences as {@link PortableDelta}'s, and [N] numbers of each sequence's first chunk
     * @param positions as {@link PortableLogLinear}'s, as are the four that follow
     * @param sums of the log decays [tokens, HV]
     * @param pairs receives [chunks, HV, C, C], up to the diagonals
     * @param capacity N
     * @param rows chunks · HV · C, for as many chunks as there is room for
     */
    public static void logLinearPairsPortable(
            IntArray shape,
            IntArray sequences,
            IntArray chunks,
            IntArray positions,
            FloatArray q,
            FloatArray k,
            FloatArray levelScales,
            FloatArray sums,
            FloatArray pairs,
            int capacity,
            int rows) {
        for (@Parallel int row = 0; row < rows; row++) {
            int keyDim = shape.get(DeltaShape.KEY_DIM);
            int heads = shape.get(DeltaShape.VALUE_HEADS);
            int length = shape.get(DeltaShape.CHUNK);
            int queryHeads = shape.get(DeltaShape.QUERY_HEADS);
            int keyHeads = shape.get(DeltaShape.KEY_HEADS);
            int levels = positions.get(capacity);
            int head = (row / length) % heads;
            int chunk = row / (length * heads);
            int keyHead = DeltaIndex.head(shape, head, keyHeads);
            int first = chunks.get(chunk * ChunkTable.LENGTH + ChunkTable.FIRST);
            int end = chunks.get(chunk * ChunkTable.LENGTH + ChunkTable.END);
            int sequence = 0;
            for (int n = 1; n < capacity; n++) {
                if (sequences.get(n) <= first && sequences.get(n + 1) > first) {
                    sequence = n;
                }
            }
            int before = positions.get(sequence) - sequences.get(sequence);
            int line = row % length;
            int i = first + line;
            int atQuery = (i * queryHeads + DeltaIndex.head(shape, head, queryHeads)) * keyDim;
            int pair = ((chunk * heads + head) * length + line) * length;
            int until = i < end ? i : first - 1;
            for (int j = first; j <= until; j++) {
                int atKey = (j * keyHeads + keyHead) * keyDim;
                float score = 0.0f;
                for (int d = 0; d < keyDim; d++) {
                    score += q.get(atQuery + d) * k.get(atKey + d);
                }
                int level = FenwickLevels.level(before + i, before + j);
                float weight = levelScales.get((i * heads + head) * levels + level);
                float left = TornadoMath.exp(sums.get(i * heads + head) - sums.get(j * heads + head));
                pairs.set(pair + j - first, score * weight * left);
            }
        }
    }

    /**
     * Goes through the chunks of each sequence and carries the states from one to the next; a column of all levels to a
     * thread.
     *
     * @param pairs of {@link #logLinearPairsPortable}
     */
    public static void logLinearChunksPortable(
            IntArray shape,
            IntArray sequences,
            IntArray positions,
            FloatArray q,
            FloatArray k,
            FloatArray v,
            FloatArray levelScales,
            FloatArray sums,
            FloatArray pairs,
            FloatArray state,
            FloatArray o,
            float scale,
            int columns) {
        for (@Parallel int c = 0; c < columns; c++) {
            int keyDim = shape.get(DeltaShape.KEY_DIM);
            int valueDim = shape.get(DeltaShape.VALUE_DIM);
            int heads = shape.get(DeltaShape.VALUE_HEADS);
            int length = shape.get(DeltaShape.CHUNK);
            int queryHeads = shape.get(DeltaShape.QUERY_HEADS);
            int keyHeads = shape.get(DeltaShape.KEY_HEADS);
            int column = c % valueDim;
            int head = (c / valueDim) % heads;
            int sequence = c / (valueDim * heads);
            int capacity = columns / (valueDim * heads);
            int levels = positions.get(capacity);
            int matrix = keyDim * valueDim;
            int s = (sequence * heads + head) * levels * matrix + column;
            int queryHead = DeltaIndex.head(shape, head, queryHeads);
            int keyHead = DeltaIndex.head(shape, head, keyHeads);
            int chunk = sequences.get(2 * capacity + 1 + sequence);
            int begin = sequences.get(sequence);
            int stop = sequences.get(sequence + 1);
            int before = positions.get(sequence) - begin;
            if (sequences.get(capacity + 1 + sequence) != 0) {
                for (int e = 0; e < levels * keyDim; e++) {
                    state.set(s + e * valueDim, 0.0f);
                }
            }
            for (int first = begin; first < stop; first += length) {
                int end = TornadoMath.min(first + length, stop);
                int tokens = before + first;
                int after = before + end;
                for (int i = first; i < end; i++) {
                    int atQuery = (i * queryHeads + queryHead) * keyDim;
                    int pair = ((chunk * heads + head) * length + i - first) * length;
                    float until = TornadoMath.exp(sums.get(i * heads + head));
                    float read = 0.0f;
                    for (int level = 1; level < levels; level++) {
                        if (((tokens >> (level - 1)) & 1) != 0) {
                            float sum = 0.0f;
                            for (int d = 0; d < keyDim; d++) {
                                sum += state.get(s + level * matrix + d * valueDim) * q.get(atQuery + d);
                            }
                            int seen = FenwickLevels.level(before + i, FenwickLevels.first(tokens, level));
                            read += levelScales.get((i * heads + head) * levels + seen) * until * sum;
                        }
                    }
                    for (int j = first; j <= i; j++) {
                        read += pairs.get(pair + j - first) * v.get((j * heads + head) * valueDim + column);
                    }
                    o.set((i * heads + head) * valueDim + column, read * scale);
                }
                float last = sums.get((end - 1) * heads + head);
                float left = TornadoMath.exp(last);
                // From the top: blocks only ever go up, so what a level takes is still there.
                for (int level = levels - 1; level > 0; level--) {
                    int block = FenwickLevels.first(after, level);
                    int blockEnd = block + (1 << (level - 1));
                    int there = (after >> (level - 1)) & 1;
                    int from = TornadoMath.max(first, block - before);
                    int to = there * TornadoMath.min(end, blockEnd - before);
                    for (int d = 0; d < keyDim; d++) {
                        float value = 0.0f;
                        for (int source = 1; source <= level * there; source++) {
                            int old = FenwickLevels.first(tokens, source);
                            if (((tokens >> (source - 1)) & 1) != 0 && old >= block && old < blockEnd) {
                                value += state.get(s + source * matrix + d * valueDim) * left;
                            }
                        }
                        for (int j = from; j < to; j++) {
                            float key = k.get((j * keyHeads + keyHead) * keyDim + d);
                            key *= TornadoMath.exp(last - sums.get(j * heads + head));
                            value += key * v.get((j * heads + head) * valueDim + column);
                        }
                        state.set(s + level * matrix + d * valueDim, value);
                    }
                }
                chunk++;
            }
        }
    }
}
