package dev.gust.runtime.attention;

import dev.gust.formats.UsageException;
import dev.gust.kernels.attention.DeltaGradient;
import dev.gust.runtime.kernel.NativeArrays;
import java.lang.foreign.MemorySegment;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;

/**
 * The arrays of the kernels of a recurrence's gradients, as a plan fills and reads them.
 *
 * @param <X> what the recurrence works on
 * @param <G> where the gradients of that go
 */
interface GradientArrays<X, G> {
    /**
     * @throws IllegalArgumentException if sizes do not fit
     */
    void check(
            X operands,
            Sequences sequences,
            MemorySegment initialStates,
            MemorySegment dO,
            MemorySegment dFinalStates,
            G gradients);

    /** Copies a call's inputs in. */
    void fill(X operands, Sequences sequences);

    /** The gradient of o. */
    FloatArray dO();

    /** Where sequences begin. */
    FloatArray state();

    /** Goes in as the gradient of the final states, comes back as that of the initial ones. */
    FloatArray dState();

    /** Copies out what is wanted. */
    void read(G gradients);

    /** What there is where no token is: the gradient of the initial states is that of the final ones. */
    void readWithoutTokens(MemorySegment dFinalStates, G gradients);

    /** Hands states' gradients on where no token is. */
    static void handOn(MemorySegment dFinalStates, MemorySegment dInitialStates) {
        if (DeltaGradients.wanted(dFinalStates) && DeltaGradients.wanted(dInitialStates)) {
            dInitialStates.copyFrom(dFinalStates);
        } else {
            dInitialStates.fill((byte) 0);
        }
    }

    /** Copies an array out if it is wanted. */
    static void read(FloatArray from, MemorySegment to) {
        if (DeltaGradients.wanted(to)) {
            MemorySegment.copy(from.getSegment(), 0, to, 0, to.byteSize());
        }
    }

    /**
     * Refuses what no array can hold.
     *
     * @param statesPerChunk states that are written down for a chunk, in one array
     * @param sections gradients of keys that lie in one array
     * @throws UsageException if the device has no room for arrays of that size
     */
    static void requireRoom(DeltaSizes sizes, int statesPerChunk, int sections, long maxBytes) {
        int tokens = sizes.tokens();
        long chunks = Math.max(1, tokens / DeltaGradient.CHUNK + sizes.sequences());
        long rows = sections * (long) tokens * sizes.valueHeads() * sizes.keyDim();
        long floats = Math.max(statesPerChunk * chunks * sizes.stateElements(1), rows);
        long most = Math.min(NativeArrays.MAX_WORDS, maxBytes / Float.BYTES);
        if (floats > most) {
            throw new UsageException(
                    "gradients of " + tokens + " tokens in " + sizes.sequences() + " sequences take an array of "
                            + floats + " floats, and the device has room for " + most,
                    "prepare for fewer tokens or sequences in a call");
        }
    }
}
