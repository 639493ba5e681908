package dev.gust.runtime.attention;

import dev.gust.kernels.attention.ChunkTable;
import dev.gust.kernels.attention.DeltaShape;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;

/**
 * What tells kernels where sequences and their chunks lie in a row of tokens.
 *
 * @param chunk most tokens of a chunk; 1 for the recurrent form
 * @param shape see {@link DeltaShape}
 * @param sequences [N + 1] first tokens, [N] flags for a state of zero, [N] numbers of first chunks
 * @param chunks see {@link ChunkTable}
 */
record TokenPlaces(DeltaSizes sizes, int chunk, IntArray shape, IntArray sequences, IntArray chunks) {
    /** Places for as many tokens and sequences as the sizes say. */
    static TokenPlaces of(DeltaSizes sizes, int eraseHeads, Form form) {
        int chunk = switch (form) {
            case Form.Recurrent() -> 1;
            case Form.Chunked(int length) -> length;
        };
        IntArray shape = new IntArray(DeltaShape.LENGTH);
        shape.init(0);
        shape.set(DeltaShape.KEY_DIM, sizes.keyDim());
        shape.set(DeltaShape.VALUE_DIM, sizes.valueDim());
        shape.set(DeltaShape.VALUE_HEADS, sizes.valueHeads());
        shape.set(DeltaShape.QUERY_HEADS, sizes.queryHeads());
        shape.set(DeltaShape.KEY_HEADS, sizes.keyHeads());
        shape.set(DeltaShape.ERASE_HEADS, eraseHeads);
        shape.set(DeltaShape.TILED, sizes.headMap() == HeadMap.TILED ? 1 : 0);
        shape.set(DeltaShape.CHUNK, chunk);
        shape.set(DeltaShape.CAPACITY, sizes.sequences());
        return new TokenPlaces(
                sizes,
                chunk,
                shape,
                new IntArray(3 * sizes.sequences() + 1),
                new IntArray(ChunkTable.LENGTH * mostChunks(sizes, chunk)));
    }

    /** Chunks for which there is room: each sequence may end with one that is not full. */
    int mostChunks() {
        return mostChunks(sizes, chunk);
    }

    private static int mostChunks(DeltaSizes sizes, int chunk) {
        return Math.max(1, sizes.tokens() / chunk + sizes.sequences());
    }

    /** Says where the call's sequences and their chunks begin, and which states are zero. */
    void place(Sequences call, boolean[] cleared) {
        int n = sizes.sequences();
        int chunksSoFar = 0;
        for (int i = 0; i < n; i++) {
            boolean there = i < call.count();
            int first = there ? call.first(i) : call.tokens();
            int end = there ? call.end(i) : call.tokens();
            sequences.set(i, first);
            sequences.set(n + 1 + i, cleared[i] ? 1 : 0);
            sequences.set(2 * n + 1 + i, chunksSoFar);
            for (int at = first; at < end; at += chunk) {
                chunks.set(chunksSoFar * ChunkTable.LENGTH + ChunkTable.FIRST, at);
                chunks.set(chunksSoFar * ChunkTable.LENGTH + ChunkTable.END, Math.min(at + chunk, end));
                chunksSoFar++;
            }
        }
        sequences.set(n, call.tokens());
        shape.set(DeltaShape.TOKENS, call.tokens());
        shape.set(DeltaShape.SEQUENCES, call.count());
        shape.set(DeltaShape.CHUNKS, chunksSoFar);
        for (int c = chunksSoFar; c < mostChunks(); c++) {
            chunks.set(c * ChunkTable.LENGTH + ChunkTable.FIRST, call.tokens());
            chunks.set(c * ChunkTable.LENGTH + ChunkTable.END, call.tokens());
        }
    }
}
