package dev.gust.kernels.lowrank;

import dev.gust.kernels.matmul.WeightValues;
import uk.ac.manchester.tornado.api.KernelContext;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;

/** {@link PortableLora}'s long sums by groups. */
public final class GroupLora {
    /** Work-items of a group. */
    public static final int LOCAL = 256;

    private GroupLora() {}

    /**
     * h = B_adapter · x, for RANK groups along x and one along y for each token. Arguments as in
     * {@link PortableLora#downPortable}.
     */
    public static void downGroups(
            KernelContext context,
            IntArray words,
            FloatArray floats,
            FloatArray tables,
            IntArray shape,
            IntArray ids,
            FloatArray x,
            FloatArray h,
            int code) {
        float[] partial = context.allocateFloatLocalArray(LOCAL);
        int lane = context.localIdx;
        int k = context.groupIdx;
        int token = context.groupIdy;
        int n = shape.get(LoraShape.INPUTS);
        int id = -1;
        if (token < shape.get(LoraShape.TOKENS)) {
            id = ids.get(token);
        }
        int row = shape.get(LoraShape.STARTS + Math.max(id, 0)) + k;
        int stop = id >= 0 && row < shape.get(LoraShape.STARTS + id + 1) ? n : 0;
        float sum = 0.0f;
        for (int j = lane; j < stop; j += LOCAL) {
            sum += WeightValues.stored(words, floats, tables, row * n + j, code) * x.get(token * n + j);
        }
        partial[lane] = sum;
        for (int stride = LOCAL / 2; stride > 0; stride >>= 1) {
            context.localBarrier();
            if (lane < stride) {
                partial[lane] += partial[lane + stride];
            }
        }
        if (lane == 0) {
            h.set(token * shape.get(LoraShape.RANK) + k, partial[0]);
        }
    }
}
