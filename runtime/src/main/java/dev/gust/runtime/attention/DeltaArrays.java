package dev.gust.runtime.attention;

import dev.gust.kernels.attention.ChunkTable;
import dev.gust.kernels.attention.DeltaShape;
import dev.gust.runtime.attention.DeltaStep.Erase;
import dev.gust.runtime.kernel.NativeArrays;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;
import uk.ac.manchester.tornado.api.types.arrays.TornadoNativeArray;

/**
 * The arrays of a delta step's kernels, for as many tokens and sequences as its sizes say.
 *
 * @param chunk most tokens of a chunk; 1 for the recurrent form
 * @param shape see {@link DeltaShape}
 * @param sequences [N + 1] first tokens, [N] flags for a state of zero, [N] numbers of first chunks
 * @param chunks see {@link ChunkTable}
 * @param e the same object as {@code k} where the keys are one
 */
record DeltaArrays(
        DeltaStep step,
        DeltaSizes sizes,
        int chunk,
        IntArray shape,
        IntArray sequences,
        IntArray chunks,
        FloatArray q,
        FloatArray k,
        FloatArray e,
        FloatArray v,
        FloatArray beta,
        FloatArray g,
        FloatArray state,
        FloatArray o) {
    static DeltaArrays of(DeltaStep step, DeltaSizes sizes, Form form, NativeArrays arrays) {
        int chunk = switch (form) {
            case Form.Recurrent() -> 1;
            case Form.Chunked(int length) -> length;
        };
        int tokens = sizes.tokens();
        int n = sizes.sequences();
        FloatArray k = arrays.floats(sizes.keyElements(tokens));
        IntArray shape = new IntArray(DeltaShape.LENGTH);
        shape.init(0);
        shape.set(DeltaShape.KEY_DIM, sizes.keyDim());
        shape.set(DeltaShape.VALUE_DIM, sizes.valueDim());
        shape.set(DeltaShape.VALUE_HEADS, sizes.valueHeads());
        shape.set(DeltaShape.QUERY_HEADS, sizes.queryHeads());
        shape.set(DeltaShape.KEY_HEADS, sizes.keyHeads());
        shape.set(DeltaShape.ERASE_HEADS, step.erase() == Erase.OWN_KEY ? sizes.eraseHeads() : sizes.keyHeads());
        shape.set(DeltaShape.TILED, sizes.headMap() == HeadMap.TILED ? 1 : 0);
        shape.set(DeltaShape.CHUNK, chunk);
        shape.set(DeltaShape.CAPACITY, n);
        return new DeltaArrays(
                step,
                sizes,
                chunk,
                shape,
                new IntArray(3 * n + 1),
                new IntArray(ChunkTable.LENGTH * mostChunks(sizes, chunk)),
                arrays.floats(sizes.queryElements(tokens)),
                k,
                switch (step.erase()) {
                    case NONE -> arrays.noFloats();
                    case WRITE_KEY -> k;
                    case OWN_KEY -> arrays.floats(sizes.eraseElements(step.erase(), tokens));
                },
                arrays.floats(sizes.valueElements(tokens)),
                step.beta() ? arrays.floats(sizes.betaElements(tokens)) : arrays.noFloats(),
                arrays.floats(sizes.decayElements(step.decay(), tokens)),
                arrays.floats(sizes.stateElements(n)),
                arrays.floats(sizes.valueElements(tokens)));
    }

    /** The same arrays with other keys: scratch, made from those that a call brings. */
    DeltaArrays withKeys(FloatArray queries, FloatArray writeKeys, FloatArray eraseKeys) {
        return new DeltaArrays(
                step, sizes, chunk, shape, sequences, chunks, queries, writeKeys, eraseKeys, v, beta, g, state, o);
    }

    /** Chunks for which there is room: each sequence may end with one that is not full. */
    int mostChunks() {
        return mostChunks(sizes, chunk);
    }

    private static int mostChunks(DeltaSizes sizes, int chunk) {
        return Math.max(1, sizes.tokens() / chunk + sizes.sequences());
    }

    /** What goes to the device at every call. */
    List<TornadoNativeArray> inputs() {
        var inputs = new ArrayList<TornadoNativeArray>(List.of(shape, sequences, chunks, q, k, v, g));
        if (step.beta()) {
            inputs.add(beta);
        }
        if (step.erase() == Erase.OWN_KEY) {
            inputs.add(e);
        }
        return inputs;
    }

    /** What kernels want though the step does not have it. */
    List<TornadoNativeArray> constants() {
        var constants = new ArrayList<TornadoNativeArray>();
        if (!step.beta()) {
            constants.add(beta);
        }
        if (step.erase() == Erase.NONE) {
            constants.add(e);
        }
        return constants;
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

    /** Copies a call's inputs in. */
    void fill(DeltaOperands operands) {
        copy(operands.q(), q);
        copy(operands.k(), k);
        copy(operands.e(), e);
        copy(operands.v(), v);
        copy(operands.beta(), beta);
        copy(operands.g(), g);
    }

    private static void copy(MemorySegment from, FloatArray to) {
        if (from.byteSize() > 0) {
            MemorySegment.copy(from, 0, to.getSegment(), 0, from.byteSize());
        }
    }
}
