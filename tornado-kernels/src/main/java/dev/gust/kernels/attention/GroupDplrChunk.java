package dev.gust.kernels.attention;

import uk.ac.manchester.tornado.api.KernelContext;
import uk.ac.manchester.tornado.api.math.TornadoMath;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;

/**
 * The chunk form of {@link PortableDplrChunk} for GPUs: after its {@code dplrPartsPortable}, three kernels. Chunks are paired
 * and solved all at once, so that what is left to do chunk after chunk is products of matrices:
 *
 * <pre>
 * X   = (I − AB)⁻¹
 * r_i = Sᵀ(X (a ∘ exp Gˣ))_i + Σ_(j&lt;i) (X AK)_ij v_j
 * </pre>
 */
public final class GroupDplrChunk {
    /** Tokens of a sub-block; a pair of those is a group's. */
    public static final int TILE = 16;

    /** Channels of a sub-block that are in local memory at a time. */
    public static final int CHANNELS = 32;

    /** The distance of a tile's rows: not a multiple of the banks. */
    private static final int PITCH = CHANNELS + 1;

    /** Floats of local memory of {@link #dplrPairGroups}. */
    public static final int PAIR_FLOATS = (4 * TILE + 2 * (TILE + 1)) * PITCH;

    /** Work-items that solve a chunk. */
    public static final int SOLVERS = 128;

    /** Columns of the state in a group that goes through chunks. */
    public static final int COLUMNS = 32;

    /** Work-items to a column. */
    public static final int STRIPS = 8;

    private GroupDplrChunk() {}

    /**
     * The pairs of two sub-blocks of a chunk, for chunks · HV by ceil(C / 16)² groups of 16 · 16 work-items. Between different
     * sub-blocks, both sides decay to where the later one begins; within one, each pair's decay is taken by itself.
     *
     * @param sums of {@link PortableDplrChunk#dplrPartsPortable}
     * @param pairs as {@link PortableDplrChunk#dplrPairsPortable} makes them
     */
    public static void dplrPairGroups(
            KernelContext context,
            IntArray shape,
            IntArray chunks,
            FloatArray q,
            FloatArray k,
            FloatArray a,
            FloatArray b,
            FloatArray sums,
            FloatArray pairs,
            int decay) {
        int length = shape.get(DeltaShape.CHUNK);
        int tiles = (length + TILE - 1) / TILE;
        int later = context.groupIdy / tiles;
        int earlier = context.groupIdy % tiles;
        if (earlier > later) {
            return;
        }
        float[] laterA = context.allocateFloatLocalArray(TILE * PITCH);
        float[] laterQ = context.allocateFloatLocalArray(TILE * PITCH);
        float[] earlierB = context.allocateFloatLocalArray(TILE * PITCH);
        float[] earlierK = context.allocateFloatLocalArray(TILE * PITCH);
        float[] wholes = context.allocateFloatLocalArray((TILE + 1) * PITCH);
        float[] rests = context.allocateFloatLocalArray((TILE + 1) * PITCH);
        int keyDim = shape.get(DeltaShape.KEY_DIM);
        int heads = shape.get(DeltaShape.VALUE_HEADS);
        int queryHeads = shape.get(DeltaShape.QUERY_HEADS);
        int keyHeads = shape.get(DeltaShape.KEY_HEADS);
        int chunk = context.groupIdx / heads;
        int head = context.groupIdx % heads;
        int queryHead = DeltaIndex.head(shape, head, queryHeads);
        int keyHead = DeltaIndex.head(shape, head, keyHeads);
        int first = chunks.get(chunk * ChunkTable.LENGTH + ChunkTable.FIRST);
        int end = chunks.get(chunk * ChunkTable.LENGTH + ChunkTable.END);
        int i = context.localIdy;
        int j = context.localIdx;
        int item = i * TILE + j;
        int channel = item % CHANNELS;
        int laterFirst = first + later * TILE;
        int earlierFirst = first + earlier * TILE;
        float ab = 0.0f;
        float ak = 0.0f;
        float qb = 0.0f;
        float qk = 0.0f;
        for (int base = 0; base < keyDim; base += CHANNELS) {
            int d = base + channel;
            for (int row = item / CHANNELS; row < TILE; row += TILE * TILE / CHANNELS) {
                int readAt = laterFirst + row;
                int writeAt = earlierFirst + row;
                float hold = 0.0f;
                float query = 0.0f;
                float write = 0.0f;
                float key = 0.0f;
                float whole = 0.0f;
                float rest = 0.0f;
                if (d < keyDim && readAt < end) {
                    hold = a.get((readAt * heads + head) * keyDim + d);
                    query = q.get((readAt * queryHeads + queryHead) * keyDim + d);
                }
                if (d < keyDim && writeAt < end) {
                    write = b.get((writeAt * heads + head) * keyDim + d);
                    key = k.get((writeAt * keyHeads + keyHead) * keyDim + d);
                }
                int here = ((readAt * heads + head) * keyDim + d) * 2;
                int middle = (((laterFirst - 1) * heads + head) * keyDim + d) * 2;
                if (decay != 0 && d < keyDim && earlier == later && readAt < end) {
                    whole = sums.get(here);
                    rest = sums.get(here + 1);
                }
                if (decay != 0 && d < keyDim && earlier != later && readAt < end) {
                    hold *= between(sums, here - heads * keyDim * 2, middle);
                    query *= between(sums, here, middle);
                }
                if (decay != 0 && d < keyDim && earlier != later && laterFirst < end) {
                    float left = between(sums, middle, ((writeAt * heads + head) * keyDim + d) * 2);
                    write *= left;
                    key *= left;
                }
                laterA[row * PITCH + channel] = hold;
                laterQ[row * PITCH + channel] = query;
                earlierB[row * PITCH + channel] = write;
                earlierK[row * PITCH + channel] = key;
                wholes[(row + 1) * PITCH + channel] = whole;
                rests[(row + 1) * PITCH + channel] = rest;
            }
            if (item < CHANNELS) {
                float whole = 0.0f;
                float rest = 0.0f;
                if (decay != 0 && d < keyDim && later > 0 && laterFirst < end) {
                    int before = (((laterFirst - 1) * heads + head) * keyDim + d) * 2;
                    whole = sums.get(before);
                    rest = sums.get(before + 1);
                }
                wholes[channel] = whole;
                rests[channel] = rest;
            }
            context.localBarrier();
            for (int c = 0; c < CHANNELS; c++) {
                float hold = laterA[i * PITCH + c];
                float query = laterQ[i * PITCH + c];
                if (decay != 0 && earlier == later) {
                    // Of pairs that are no pairs the exponent is positive, and the product is thrown away.
                    int from = (j + 1) * PITCH + c;
                    int whole = (int) wholes[i * PITCH + c] - (int) wholes[from];
                    hold *= TornadoMath.exp(TornadoMath.min(whole + (rests[i * PITCH + c] - rests[from]), 0.0f));
                    whole = (int) wholes[(i + 1) * PITCH + c] - (int) wholes[from];
                    query *= TornadoMath.exp(TornadoMath.min(whole + (rests[(i + 1) * PITCH + c] - rests[from]), 0.0f));
                }
                float write = earlierB[j * PITCH + c];
                float key = earlierK[j * PITCH + c];
                ab += hold * write;
                ak += hold * key;
                qb += query * write;
                qk += query * key;
            }
            context.localBarrier();
        }
        int line = later * TILE + i;
        int other = earlier * TILE + j;
        if (first + line < end && other <= line) {
            int square = length * length;
            int pair = (chunk * heads + head) * DplrParts.PAIRS * square + line * length + other;
            pairs.set(pair + DplrParts.A_B * square, ab);
            pairs.set(pair + DplrParts.A_K * square, ak);
            pairs.set(pair + DplrParts.Q_B * square, qb);
            pairs.set(pair + DplrParts.Q_K * square, qk);
        }
    }

    /** exp of the difference of two sums. */
    private static float between(FloatArray sums, int to, int from) {
        int wholes = (int) sums.get(to) - (int) sums.get(from);
        return TornadoMath.exp(wholes + (sums.get(to + 1) - sums.get(from + 1)));
    }

    /**
     * Multiplies what each chunk holds, and its square AK, by X, by forward substitution: for chunks · HV groups of
     * {@link #SOLVERS}, a work-item having columns of its own.
     *
     * @param pairs whose A_K becomes X AK
     * @param parts whose HOLDS become X HOLDS
     * @param length C
     */
    public static void dplrSolveGroups(
            KernelContext context, IntArray shape, IntArray chunks, FloatArray pairs, FloatArray parts, int length) {
        float[] ab = context.allocateFloatLocalArray(length * length);
        int size = shape.get(DeltaShape.CHUNK);
        int keyDim = shape.get(DeltaShape.KEY_DIM);
        int heads = shape.get(DeltaShape.VALUE_HEADS);
        int chunk = context.groupIdx / heads;
        int head = context.groupIdx % heads;
        int first = chunks.get(chunk * ChunkTable.LENGTH + ChunkTable.FIRST);
        int count = chunks.get(chunk * ChunkTable.LENGTH + ChunkTable.END) - first;
        int square = size * size;
        int pair = context.groupIdx * DplrParts.PAIRS * square;
        for (int e = context.localIdx; e < count * size; e += SOLVERS) {
            ab[e] = pairs.get(pair + DplrParts.A_B * square + e);
        }
        context.localBarrier();
        int stride = heads * DplrParts.ROWS * keyDim;
        int holds = (first * heads + head) * DplrParts.ROWS * keyDim + DplrParts.HOLDS * keyDim;
        for (int d = context.localIdx; d < keyDim; d += SOLVERS) {
            for (int i = 1; i < count; i++) {
                float x = parts.get(holds + i * stride + d);
                for (int j = 0; j < i; j++) {
                    x += ab[i * size + j] * parts.get(holds + j * stride + d);
                }
                parts.set(holds + i * stride + d, x);
            }
        }
        int ak = pair + DplrParts.A_K * square;
        for (int c = context.localIdx; c < count; c += SOLVERS) {
            for (int i = c + 2; i < count; i++) {
                float x = pairs.get(ak + i * size + c);
                for (int j = c + 1; j < i; j++) {
                    x += ab[i * size + j] * pairs.get(ak + j * size + c);
                }
                pairs.set(ak + i * size + c, x);
            }
        }
    }

    /**
     * Goes through the chunks of each sequence, with 32 columns of a head's state in local memory: for N · HV · ceil(V / 32)
     * groups of 32 · 8.
     *
     * @param parts as {@link #dplrSolveGroups} left them, as are the pairs
     * @param keyDim K
     * @param length C
     * @param capacity N
     */
    public static void dplrChunkGroups(
            KernelContext context,
            IntArray shape,
            IntArray sequences,
            FloatArray v,
            FloatArray sums,
            FloatArray parts,
            FloatArray pairs,
            FloatArray state,
            FloatArray o,
            int decay,
            float scale,
            int keyDim,
            int length,
            int capacity) {
        float[] values = context.allocateFloatLocalArray(keyDim * COLUMNS);
        float[] written = context.allocateFloatLocalArray(length * COLUMNS);
        float[] held = context.allocateFloatLocalArray(length * COLUMNS);
        int lane = context.localIdx % COLUMNS;
        int strip = context.localIdx / COLUMNS;
        int rows = shape.get(DeltaShape.KEY_DIM);
        int size = shape.get(DeltaShape.CHUNK);
        int valueDim = shape.get(DeltaShape.VALUE_DIM);
        int heads = shape.get(DeltaShape.VALUE_HEADS);
        int blocks = (valueDim + COLUMNS - 1) / COLUMNS;
        int column = context.groupIdx % blocks * COLUMNS + lane;
        int head = context.groupIdx / blocks % heads;
        int sequence = context.groupIdx / blocks / heads;
        // Columns past the last go along with the last and write nothing: barriers want every work-item.
        int at = TornadoMath.min(column, valueDim - 1);
        int s = (sequence * heads + head) * rows * valueDim + at;
        int clear = sequences.get(capacity + 1 + sequence);
        int chunk = sequences.get(2 * capacity + 1 + sequence);
        int stop = sequences.get(sequence + 1);
        int square = size * size;
        for (int d = strip; d < rows; d += STRIPS) {
            float value = 0.0f;
            if (clear == 0) {
                value = state.get(s + d * valueDim);
            }
            values[d * COLUMNS + lane] = value;
        }
        for (int first = sequences.get(sequence); first < stop; first += size) {
            int count = TornadoMath.min(size, stop - first);
            int pair = (chunk * heads + head) * DplrParts.PAIRS * square;
            for (int i = strip; i < count; i += STRIPS) {
                written[i * COLUMNS + lane] = v.get(((first + i) * heads + head) * valueDim + at);
            }
            context.localBarrier();
            for (int i = strip; i < count; i += STRIPS) {
                int holds = (((first + i) * heads + head) * DplrParts.ROWS + DplrParts.HOLDS) * rows;
                int ak = pair + DplrParts.A_K * square + i * size;
                float r = 0.0f;
                for (int d = 0; d < rows; d++) {
                    r += parts.get(holds + d) * values[d * COLUMNS + lane];
                }
                for (int j = 0; j < i; j++) {
                    r += pairs.get(ak + j) * written[j * COLUMNS + lane];
                }
                held[i * COLUMNS + lane] = r;
            }
            context.localBarrier();
            for (int i = strip; i < count; i += STRIPS) {
                int reads = (((first + i) * heads + head) * DplrParts.ROWS + DplrParts.READS) * rows;
                int qb = pair + DplrParts.Q_B * square + i * size;
                int qk = pair + DplrParts.Q_K * square + i * size;
                float read = 0.0f;
                for (int d = 0; d < rows; d++) {
                    read += parts.get(reads + d) * values[d * COLUMNS + lane];
                }
                for (int j = 0; j <= i; j++) {
                    read += pairs.get(qb + j) * held[j * COLUMNS + lane];
                    read += pairs.get(qk + j) * written[j * COLUMNS + lane];
                }
                if (column < valueDim) {
                    o.set(((first + i) * heads + head) * valueDim + column, read * scale);
                }
            }
            context.localBarrier();
            for (int d = strip; d < rows; d += STRIPS) {
                float value = values[d * COLUMNS + lane];
                if (decay != 0) {
                    int last = (((first + count - 1) * heads + head) * rows + d) * 2;
                    value *= TornadoMath.exp(sums.get(last) + sums.get(last + 1));
                }
                for (int j = 0; j < count; j++) {
                    int part = ((first + j) * heads + head) * DplrParts.ROWS * rows + d;
                    value += parts.get(part + DplrParts.LEFT_B * rows) * held[j * COLUMNS + lane];
                    value += parts.get(part + DplrParts.LEFT_K * rows) * written[j * COLUMNS + lane];
                }
                values[d * COLUMNS + lane] = value;
            }
            context.localBarrier();
            chunk++;
        }
        if (column < valueDim) {
            for (int d = strip; d < rows; d += STRIPS) {
                state.set(s + d * valueDim, values[d * COLUMNS + lane]);
            }
        }
    }
}
