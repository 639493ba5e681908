package dev.gust.kernels.attention;

import uk.ac.manchester.tornado.api.math.TornadoMath;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;

/** Where a head's values lie, and its gates. */
final class DeltaIndex {
    private DeltaIndex() {}

    /** The head among {@code heads} that value head {@code head} uses. */
    static int head(IntArray shape, int head, int heads) {
        int valueHeads = shape.get(DeltaShape.VALUE_HEADS);
        int used = head / (valueHeads / heads);
        if (shape.get(DeltaShape.TILED) != 0) {
            used = head % heads;
        }
        return used;
    }

    /** The first value head that uses head {@code head} of {@code heads}. */
    static int firstUser(IntArray shape, int head, int heads) {
        int first = head * (shape.get(DeltaShape.VALUE_HEADS) / heads);
        if (shape.get(DeltaShape.TILED) != 0) {
            first = head;
        }
        return first;
    }

    /** From a value head to the next that uses the same head of {@code heads}. */
    static int userStride(IntArray shape, int heads) {
        int stride = 1;
        if (shape.get(DeltaShape.TILED) != 0) {
            stride = heads;
        }
        return stride;
    }

    /** The log decay of a token's channel, from {@link DeltaForm#LEAST_DECAY} to wherever g goes. */
    static float decay(FloatArray g, int form, int token, int head, int heads, int channel, int keyDim) {
        float value = 0.0f;
        if ((form & DeltaForm.DECAY) == DeltaForm.HEAD_DECAY) {
            value = g.get(head);
        }
        if ((form & DeltaForm.DECAY) == DeltaForm.TOKEN_DECAY) {
            value = g.get(token * heads + head);
        }
        if ((form & DeltaForm.DECAY) == DeltaForm.CHANNEL_DECAY) {
            value = g.get((token * heads + head) * keyDim + channel);
        }
        return TornadoMath.max(value, DeltaForm.LEAST_DECAY);
    }

    /** Element {@code row} of a row of K, or 0 past its end. Whole strips of rows need no guard. */
    static float row(FloatArray x, int at, int row, int keyDim, int strip) {
        float value = 0.0f;
        if (keyDim % strip == 0 || row < keyDim) {
            value = x.get(at + row);
        }
        return value;
    }

    /** The sum of log decays of a token's channel, as {@link PortableDeltaChunk#decaySumsPortable} left it. */
    static float decaySum(FloatArray sums, int form, int token, int head, int heads, int channel, int keyDim) {
        float value = 0.0f;
        if ((form & DeltaForm.DECAY) == DeltaForm.CHANNEL_DECAY) {
            value = sums.get((token * heads + head) * keyDim + channel);
        } else if ((form & DeltaForm.DECAY) != 0) {
            value = sums.get(token * heads + head);
        }
        return value;
    }
}
