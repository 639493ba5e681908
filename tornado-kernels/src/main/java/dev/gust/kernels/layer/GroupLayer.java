package dev.gust.kernels.layer;

import uk.ac.manchester.tornado.api.KernelContext;
import uk.ac.manchester.tornado.api.math.TornadoMath;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;

/**
 * The step of {@link PortableLayer} with a group to each head of a row. {@link #COLUMNS} work-items lie side by side along the
 * state's columns, so that loads are whole, and {@link #STRIPS} of them share a column's rows. The state's tile is read twice,
 * the second time from a cache, and written once.
 */
public final class GroupLayer {
    /** Columns of the state that a group works on at a time. */
    public static final int COLUMNS = 64;

    /** Work-items to a column. */
    public static final int STRIPS = 4;

    /** Work-items in a group. */
    public static final int LOCAL = COLUMNS * STRIPS;

    private GroupLayer() {}

    /** Floats of local memory that a group takes. */
    public static int localFloats(int keyDim, int valueDim) {
        return 3 * LOCAL + 3 * keyDim + valueDim;
    }

    /**
     * As {@link PortableLayer#layerStepPortable}, for HV groups of {@link #LOCAL} to each row that there is room for.
     *
     * @param keyDim K
     * @param valueDim V
     */
    public static void layerStepGroups(
            KernelContext context,
            IntArray shape,
            IntArray rows,
            FloatArray qkv,
            FloatArray a,
            FloatArray b,
            FloatArray gate,
            FloatArray constants,
            FloatArray ring,
            FloatArray state,
            FloatArray o,
            int form,
            int keyDim,
            int valueDim) {
        int heads = shape.get(LayerShape.VALUE_HEADS);
        int row = context.groupIdx / heads;
        if (row >= shape.get(LayerShape.ROWS)) {
            return;
        }
        float[] q = context.allocateFloatLocalArray(keyDim);
        float[] k = context.allocateFloatLocalArray(keyDim);
        float[] left = context.allocateFloatLocalArray(keyDim);
        float[] v = context.allocateFloatLocalArray(valueDim);
        float[] sums = context.allocateFloatLocalArray(3 * LOCAL);
        int head = context.groupIdx % heads;
        int item = context.localIdx;
        // Bounds of loops come from the array: constant ones would be unrolled.
        int length = shape.get(LayerShape.KEY_DIM);
        int columns = shape.get(LayerShape.VALUE_DIM);
        int channels = shape.get(LayerShape.CHANNELS);
        int keyHeads = shape.get(LayerShape.KEY_HEADS);
        int numbers = LayerConstants.numbers(shape);
        int queries = LayerConstants.keyHead(shape, head) * length;
        int keys = queries + keyHeads * length;
        int values = 2 * keyHeads * length + head * columns;
        int keeps = LayerConstants.keepsKeys(shape, head);
        float querySquares = 0.0f;
        float keySquares = 0.0f;
        float meeting = 0.0f;
        for (int d = item; d < length; d += LOCAL) {
            float query = LayerConstants.convolved(shape, rows, qkv, constants, ring, form, row, queries + d);
            float key = LayerConstants.convolved(shape, rows, qkv, constants, ring, form, row, keys + d);
            querySquares += query * query;
            keySquares += key * key;
            meeting += query * key;
            q[d] = query;
            k[d] = key;
            left[d] = LayerConstants.decay(shape, a, constants, form, row, head, d);
            if (keeps != 0) {
                ring.set(LayerConstants.ringAt(shape, rows, row, queries + d), qkv.get(row * channels + queries + d));
                ring.set(LayerConstants.ringAt(shape, rows, row, keys + d), qkv.get(row * channels + keys + d));
            }
        }
        for (int c = item; c < columns; c += LOCAL) {
            v[c] = LayerConstants.convolved(shape, rows, qkv, constants, ring, form, row, values + c);
            ring.set(LayerConstants.ringAt(shape, rows, row, values + c), qkv.get(row * channels + values + c));
        }
        sums[item] = querySquares;
        sums[LOCAL + item] = keySquares;
        sums[2 * LOCAL + item] = meeting;
        context.localBarrier();
        for (int stride = LOCAL / 2; stride > 0; stride = stride / 2) {
            if (item < stride) {
                sums[item] = sums[item] + sums[item + stride];
                sums[LOCAL + item] = sums[LOCAL + item] + sums[LOCAL + item + stride];
                sums[2 * LOCAL + item] = sums[2 * LOCAL + item] + sums[2 * LOCAL + item + stride];
            }
            context.localBarrier();
        }
        float epsilon = constants.get(numbers + LayerConstants.UNIT_EPSILON);
        float queryFactor = constants.get(numbers + LayerConstants.SCALE) / TornadoMath.sqrt(sums[0] + epsilon);
        float keyFactor = 1.0f / TornadoMath.sqrt(sums[LOCAL] + epsilon);
        meeting = sums[2 * LOCAL] * queryFactor;
        context.localBarrier();
        float beta = constants.get(numbers + LayerConstants.BETA) * Curves.sigmoidOf(b.get(row * heads + head));
        int sequence = rows.get(row * LayerRow.LENGTH + LayerRow.SEQUENCE);
        int cleared = rows.get(row * LayerRow.LENGTH + LayerRow.CLEARED);
        int lane = item % COLUMNS;
        int strip = item / COLUMNS;
        int s = (sequence * heads + head) * length * columns;
        for (int tile = 0; tile < columns; tile += COLUMNS) {
            int column = tile + lane;
            int end = 0;
            if (column < columns) {
                end = length;
            }
            float erased = 0.0f;
            float read = 0.0f;
            if (cleared == 0) {
                for (int d = strip; d < end; d += STRIPS) {
                    float value = state.get(s + d * columns + column) * left[d];
                    erased += value * k[d];
                    read += value * q[d];
                }
            }
            sums[item] = erased;
            sums[LOCAL + item] = read;
            context.localBarrier();
            erased = 0.0f;
            read = 0.0f;
            for (int i = 0; i < STRIPS; i++) {
                erased += sums[i * COLUMNS + lane];
                read += sums[LOCAL + i * COLUMNS + lane];
            }
            float update = 0.0f;
            if (column < columns) {
                update = (v[column] - erased * keyFactor) * beta * keyFactor;
            }
            // Behind this all have read v and the sums.
            context.localBarrier();
            for (int d = strip; d < end; d += STRIPS) {
                float value = 0.0f;
                if (cleared == 0) {
                    value = state.get(s + d * columns + column) * left[d];
                }
                state.set(s + d * columns + column, value + k[d] * update);
            }
            if (strip == 0 && column < columns) {
                v[column] = read * queryFactor + meeting * update;
            }
        }
        context.localBarrier();
        float squares = 0.0f;
        for (int c = item; c < columns; c += LOCAL) {
            squares += v[c] * v[c];
        }
        sums[item] = squares;
        context.localBarrier();
        for (int stride = LOCAL / 2; stride > 0; stride = stride / 2) {
            if (item < stride) {
                sums[item] = sums[item] + sums[item + stride];
            }
            context.localBarrier();
        }
        float factor =
                1.0f / TornadoMath.sqrt(sums[0] / columns + constants.get(numbers + LayerConstants.NORM_EPSILON));
        int weights = LayerConstants.norm(shape);
        int at = (row * heads + head) * columns;
        for (int c = item; c < columns; c += LOCAL) {
            o.set(at + c, v[c] * factor * constants.get(weights + c) * NormForm.gateOf(gate.get(at + c), form));
        }
    }
}
