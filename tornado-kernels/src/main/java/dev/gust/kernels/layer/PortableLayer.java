package dev.gust.kernels.layer;

import uk.ac.manchester.tornado.api.annotations.Parallel;
import uk.ac.manchester.tornado.api.math.TornadoMath;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;

/**
 * A token's way through a layer of Gated DeltaNet or Kimi Linear, in one kernel, from the projections' outputs to the input of
 * the last projection:
 *
 * <pre>
 * q, k, v = silu(conv(qkv));  q = q / |q|, k = k / |k|
 * S = Diag(exp decay(a)) S
 * S = S + k (beta(b) (v − Sᵀ k))ᵀ
 * o = norm(scale Sᵀ q) · w · act(gate)
 * </pre>
 *
 * <p>Value heads that share a key head convolve it each for itself, which costs less than a second launch would; one of them
 * keeps the inputs. Those lie in a ring of W: the place that is written is one that no thread of the launch reads.
 *
 * <p>Source: Gated DeltaNet (arXiv 2412.06464), Kimi Linear (2510.26692).
 */
public final class PortableLayer {
    private PortableLayer() {}

    /**
     * The kernel: a head of a row to a thread.
     *
     * @param shape see {@link LayerShape}
     * @param rows see {@link LayerRow}
     * @param qkv [rows, C]
     * @param a [rows, HV] or [rows, HV, K]
     * @param b [rows, HV]
     * @param gate [rows, HV, V]
     * @param constants see {@link LayerConstants}
     * @param ring [sequences, W, C], read and written
     * @param state [sequences, HV, K, V], read and written
     * @param scratch room for 3 K + 2 V to a thread
     * @param o receives [rows, HV, V]
     * @param form bits of {@link LayerForm} and {@link NormForm}
     * @param threads heads of as many rows as there is room for
     */
    public static void layerStepPortable(
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
            FloatArray o,
            int form,
            int threads) {
        for (@Parallel int i = 0; i < threads; i++) {
            int keyDim = shape.get(LayerShape.KEY_DIM);
            int valueDim = shape.get(LayerShape.VALUE_DIM);
            int heads = shape.get(LayerShape.VALUE_HEADS);
            int keyHeads = shape.get(LayerShape.KEY_HEADS);
            int row = i / heads;
            int head = i % heads;
            if (row < shape.get(LayerShape.ROWS)) {
                int numbers = LayerConstants.numbers(shape);
                int weights = LayerConstants.norm(shape);
                int sequence = rows.get(row * LayerRow.LENGTH + LayerRow.SEQUENCE);
                int cleared = rows.get(row * LayerRow.LENGTH + LayerRow.CLEARED);
                int keeps = LayerConstants.keepsKeys(shape, head);
                int channels = shape.get(LayerShape.CHANNELS);
                int queries = LayerConstants.keyHead(shape, head) * keyDim;
                int keys = queries + keyHeads * keyDim;
                int values = 2 * keyHeads * keyDim + head * valueDim;
                int q = i * (3 * keyDim + 2 * valueDim);
                int k = q + keyDim;
                int left = k + keyDim;
                int v = left + keyDim;
                int out = v + valueDim;
                float querySquares = constants.get(numbers + LayerConstants.UNIT_EPSILON);
                float keySquares = querySquares;
                for (int d = 0; d < keyDim; d++) {
                    float query = LayerConstants.convolved(shape, rows, qkv, constants, ring, form, row, queries + d);
                    float key = LayerConstants.convolved(shape, rows, qkv, constants, ring, form, row, keys + d);
                    querySquares += query * query;
                    keySquares += key * key;
                    scratch.set(q + d, query);
                    scratch.set(k + d, key);
                    scratch.set(left + d, LayerConstants.decay(shape, a, constants, form, row, head, d));
                    if (keeps != 0) {
                        ring.set(
                                LayerConstants.ringAt(shape, rows, row, queries + d),
                                qkv.get(row * channels + queries + d));
                        ring.set(LayerConstants.ringAt(shape, rows, row, keys + d), qkv.get(row * channels + keys + d));
                    }
                }
                for (int c = 0; c < valueDim; c++) {
                    scratch.set(
                            v + c, LayerConstants.convolved(shape, rows, qkv, constants, ring, form, row, values + c));
                    scratch.set(out + c, 0.0f);
                    ring.set(LayerConstants.ringAt(shape, rows, row, values + c), qkv.get(row * channels + values + c));
                }
                float queryFactor = constants.get(numbers + LayerConstants.SCALE) / TornadoMath.sqrt(querySquares);
                float keyFactor = 1.0f / TornadoMath.sqrt(keySquares);
                float beta = constants.get(numbers + LayerConstants.BETA) * Curves.sigmoidOf(b.get(row * heads + head));
                int s = (sequence * heads + head) * keyDim * valueDim;
                for (int d = 0; d < keyDim; d++) {
                    float key = scratch.get(k + d) * keyFactor;
                    scratch.set(k + d, key);
                    for (int c = 0; c < valueDim; c++) {
                        float value = 0.0f;
                        if (cleared == 0) {
                            value = state.get(s + d * valueDim + c) * scratch.get(left + d);
                        }
                        state.set(s + d * valueDim + c, value);
                        scratch.set(v + c, scratch.get(v + c) - value * key);
                    }
                }
                for (int d = 0; d < keyDim; d++) {
                    float key = scratch.get(k + d) * beta;
                    float query = scratch.get(q + d) * queryFactor;
                    for (int c = 0; c < valueDim; c++) {
                        float value = state.get(s + d * valueDim + c) + key * scratch.get(v + c);
                        state.set(s + d * valueDim + c, value);
                        scratch.set(out + c, scratch.get(out + c) + value * query);
                    }
                }
                float squares = 0.0f;
                for (int c = 0; c < valueDim; c++) {
                    float value = scratch.get(out + c);
                    squares += value * value;
                }
                float factor = 1.0f
                        / TornadoMath.sqrt(squares / valueDim + constants.get(numbers + LayerConstants.NORM_EPSILON));
                int at = i * valueDim;
                for (int c = 0; c < valueDim; c++) {
                    o.set(
                            at + c,
                            scratch.get(out + c)
                                    * factor
                                    * constants.get(weights + c)
                                    * NormForm.gateOf(gate.get(at + c), form));
                }
            }
        }
    }
}
