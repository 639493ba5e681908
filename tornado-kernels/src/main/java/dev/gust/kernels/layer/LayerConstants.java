package dev.gust.kernels.layer;

import dev.gust.kernels.attention.DeltaForm;
import uk.ac.manchester.tornado.api.math.TornadoMath;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;

/**
 * Where the weights of a layer's decode step lie in the one array that brings them all, as kernels have few parameters: the
 * convolution's taps [W, C] and biases [C], the decay's {@link GateTable}, the norm's weight [V], and four numbers.
 */
public final class LayerConstants {
    /** What q is multiplied by. */
    public static final int SCALE = 0;

    /** What the sigmoid of b is multiplied by. */
    public static final int BETA = 1;

    /** Under the root of q's and k's lengths. */
    public static final int UNIT_EPSILON = 2;

    /** Under the root of the output's norm. */
    public static final int NORM_EPSILON = 3;

    /** How many such numbers. */
    public static final int NUMBERS = 4;

    private LayerConstants() {}

    /** Where the biases begin. */
    public static int biases(IntArray shape) {
        return shape.get(LayerShape.WIDTH) * shape.get(LayerShape.CHANNELS);
    }

    /** Where the decay's table begins. */
    public static int decays(IntArray shape) {
        return biases(shape) + shape.get(LayerShape.CHANNELS);
    }

    /** Where the norm's weight begins. */
    public static int norm(IntArray shape) {
        return decays(shape) + GateTable.LENGTH * shape.get(LayerShape.DECAYS);
    }

    /** Where the numbers begin. */
    public static int numbers(IntArray shape) {
        return norm(shape) + shape.get(LayerShape.VALUE_DIM);
    }

    /** The key head that a value head uses. */
    static int keyHead(IntArray shape, int head) {
        int keyHeads = shape.get(LayerShape.KEY_HEADS);
        int used = head / (shape.get(LayerShape.VALUE_HEADS) / keyHeads);
        if (shape.get(LayerShape.TILED) != 0) {
            used = head % keyHeads;
        }
        return used;
    }

    /** 1 for the one value head, of those that use a key head, that keeps its inputs. */
    static int keepsKeys(IntArray shape, int head) {
        int keyHeads = shape.get(LayerShape.KEY_HEADS);
        int keeps = 0;
        if (shape.get(LayerShape.TILED) != 0) {
            if (head < keyHeads) {
                keeps = 1;
            }
        } else if (head % (shape.get(LayerShape.VALUE_HEADS) / keyHeads) == 0) {
            keeps = 1;
        }
        return keeps;
    }

    /** A row's input, convolved with the channel's inputs before it, which are only read. */
    static float convolved(
            IntArray shape,
            IntArray rows,
            FloatArray qkv,
            FloatArray constants,
            FloatArray ring,
            int form,
            int row,
            int channel) {
        int channels = shape.get(LayerShape.CHANNELS);
        int width = shape.get(LayerShape.WIDTH);
        int sequence = rows.get(row * LayerRow.LENGTH + LayerRow.SEQUENCE);
        int position = rows.get(row * LayerRow.LENGTH + LayerRow.POSITION);
        int before = rows.get(row * LayerRow.LENGTH + LayerRow.BEFORE);
        float sum = constants.get(biases(shape) + channel);
        sum += constants.get((width - 1) * channels + channel) * qkv.get(row * channels + channel);
        for (int back = 1; back <= before; back++) {
            // Adding width to what is below 0 would become a shift that PTX gets wrong.
            int at = (position + width - back) % width;
            sum += constants.get((width - 1 - back) * channels + channel)
                    * ring.get((sequence * width + at) * channels + channel);
        }
        float y = sum;
        if ((form & LayerForm.SILU) != 0) {
            y = Curves.siluOf(sum);
        }
        return y;
    }

    /** Where a row's input goes in the ring. */
    static int ringAt(IntArray shape, IntArray rows, int row, int channel) {
        int sequence = rows.get(row * LayerRow.LENGTH + LayerRow.SEQUENCE);
        int position = rows.get(row * LayerRow.LENGTH + LayerRow.POSITION);
        return (sequence * shape.get(LayerShape.WIDTH) + position) * shape.get(LayerShape.CHANNELS) + channel;
    }

    /** What is left of the state's row d in a step. */
    static float decay(IntArray shape, FloatArray a, FloatArray constants, int form, int row, int head, int d) {
        int lines = shape.get(LayerShape.DECAYS);
        int line = head;
        if ((form & LayerForm.CHANNEL_DECAY) != 0) {
            line = head * shape.get(LayerShape.KEY_DIM) + d;
        }
        float g = GateTable.gateOf(
                constants, decays(shape), lines, line, a.get(row * lines + line), form & LayerForm.SOFTPLUS);
        return TornadoMath.exp(TornadoMath.max(g, DeltaForm.LEAST_DECAY));
    }
}
