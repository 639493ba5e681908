package dev.gust.runtime.layer;

import dev.gust.kernels.layer.LayerConstants;
import dev.gust.kernels.layer.LayerForm;
import dev.gust.kernels.layer.LayerRow;
import dev.gust.kernels.layer.LayerShape;
import dev.gust.runtime.attention.HeadMap;
import dev.gust.runtime.kernel.KernelStyle;
import dev.gust.runtime.kernel.NativeArrays;
import java.lang.foreign.MemorySegment;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;

/**
 * The arguments of a layer's kernels.
 *
 * @param shape see {@link LayerShape}
 * @param rows see {@link LayerRow}
 * @param constants see {@link LayerConstants}
 * @param scratch one float for the tuned kernel
 */
record LayerArrays(
        GatedDeltaLayer layer,
        int sequences,
        IntArray shape,
        IntArray rows,
        FloatArray qkv,
        FloatArray a,
        FloatArray b,
        FloatArray gate,
        FloatArray constants,
        FloatArray ring,
        FloatArray state,
        FloatArray scratch,
        FloatArray o) {
    static LayerArrays of(GatedDeltaLayer layer, int sequences, KernelStyle style, NativeArrays memory) {
        int channels = layer.conv().channels();
        long heads = (long) sequences * layer.valueHeads();
        long room = style == KernelStyle.PORTABLE ? heads * (3L * layer.keyDim() + 2L * layer.valueDim()) : 1;
        IntArray shape = shape(layer);
        IntArray rows = new IntArray(LayerRow.LENGTH * Math.max(1, sequences));
        rows.init(0);
        return new LayerArrays(
                layer,
                sequences,
                shape,
                rows,
                memory.floats((long) sequences * channels),
                memory.floats((long) sequences * layer.decay().lines()),
                memory.floats(heads),
                memory.floats(heads * layer.valueDim()),
                constants(layer, shape, memory),
                memory.floats((long) sequences * channels * layer.conv().width()),
                memory.floats(sequences * layer.stateElements()),
                memory.floats(room),
                memory.floats(heads * layer.valueDim()));
    }

    private static IntArray shape(GatedDeltaLayer layer) {
        IntArray shape = new IntArray(LayerShape.LENGTH);
        shape.init(0);
        shape.set(LayerShape.KEY_DIM, layer.keyDim());
        shape.set(LayerShape.VALUE_DIM, layer.valueDim());
        shape.set(LayerShape.KEY_HEADS, layer.keyHeads());
        shape.set(LayerShape.VALUE_HEADS, layer.valueHeads());
        shape.set(LayerShape.TILED, layer.headMap() == HeadMap.TILED ? 1 : 0);
        shape.set(LayerShape.CHANNELS, layer.conv().channels());
        shape.set(LayerShape.WIDTH, layer.conv().width());
        shape.set(LayerShape.DECAYS, layer.decay().lines());
        return shape;
    }

    private static FloatArray constants(GatedDeltaLayer layer, IntArray shape, NativeArrays memory) {
        int numbers = LayerConstants.numbers(shape);
        FloatArray constants = memory.floats((long) numbers + LayerConstants.NUMBERS);
        put(layer.conv().taps(), constants, 0);
        put(layer.convBias(), constants, LayerConstants.biases(shape));
        put(layer.decay().table(), constants, LayerConstants.decays(shape));
        put(layer.normWeight(), constants, LayerConstants.norm(shape));
        constants.set(numbers + LayerConstants.SCALE, layer.factor());
        constants.set(numbers + LayerConstants.BETA, (float) layer.beta().setting());
        constants.set(numbers + LayerConstants.UNIT_EPSILON, (float) GatedDeltaLayer.UNIT_EPSILON);
        constants.set(
                numbers + LayerConstants.NORM_EPSILON, (float) layer.norm().epsilon());
        return constants;
    }

    private static void put(float[] from, FloatArray to, int at) {
        MemorySegment.copy(MemorySegment.ofArray(from), 0, to.getSegment(), 4L * at, 4L * from.length);
    }

    /** Copies a step's inputs in. */
    void fill(LayerInputs inputs) {
        copy(inputs.qkv(), qkv);
        copy(inputs.a(), a);
        copy(inputs.b(), b);
        copy(inputs.gate(), gate);
    }

    private static void copy(MemorySegment from, FloatArray to) {
        MemorySegment.copy(from, 0, to.getSegment(), 0, from.byteSize());
    }

    /** The bits that kernels take. */
    int form() {
        return layer.norm().bits()
                | (layer.conv().silu() ? LayerForm.SILU : 0)
                | (layer.decay().softplus() ? LayerForm.SOFTPLUS : 0)
                | (layer.decay().channels() > 1 ? LayerForm.CHANNEL_DECAY : 0);
    }
}
