package dev.gust.kernels.attention;

import dev.gust.kernels.layer.Curves;
import uk.ac.manchester.tornado.api.annotations.Parallel;
import uk.ac.manchester.tornado.api.math.TornadoMath;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;

/**
 * What LightNet makes of keys that are logarithms, on any device: z_t = log(e^z_(t−1) + e^k_t), the log decay z_(t−1) − z_t
 * and the key e^(k_t − z_t), for each channel.
 *
 * <p>z is top + log(sum) with the largest k so far as top, so that nothing overflows and sums of equal keys stay exact. Sums
 * carry what rounding took from them (Kahan): after thousands of tokens each adds little. Neither result is a difference of
 * two z, which would lose small decays: with the sum s before a token and its own weight w, they are −log(1 + w/s) and
 * w / (s + w).
 *
 * <p>Source: You Only Scan Once (arXiv 2405.21022).
 */
public final class PortableLogSums {
    /** Stands for −∞, as which all from here on down counts: infinities are undefined under relaxed math. */
    public static final float LEAST = -3.4028235e38f;

    private PortableLogSums() {}

    /**
     * What divides rows of k by their lengths: 1 / √(Σ k² + 10⁻⁶). Elements of −∞ are no part of a length.
     *
     * @param shape see {@link DeltaShape}
     * @param k [rows, K]
     * @param factors receives [rows]
     */
    public static void keyLengthsPortable(IntArray shape, FloatArray k, FloatArray factors, int rows) {
        for (@Parallel int i = 0; i < rows; i++) {
            int keyDim = shape.get(DeltaShape.KEY_DIM);
            float squares = 0.0f;
            for (int d = 0; d < keyDim; d++) {
                float value = k.get(i * keyDim + d);
                if (value > LEAST) {
                    squares += value * value;
                }
            }
            factors.set(i, 1.0f / TornadoMath.sqrt(squares + UnitRows.EPSILON));
        }
    }

    /**
     * The kernel: a thread takes a sequence's tokens of one channel, one after the other.
     *
     * @param shape see {@link DeltaShape}
     * @param sequences [N + 1] first tokens, and the end of the last
     * @param k [tokens, HK, K]; −∞ is padding, which neither decays nor writes
     * @param factors [tokens, HK] of {@link #keyLengthsPortable}; any float if not {@code normalize}
     * @param before [3, N, HV, K]: top, sum and what is too much in the sum; {@link #LEAST}, 1 and 0 if there was nothing yet
     * @param after receives [4, N, HV, K]: the same behind the tokens, and z, {@link #LEAST} for −∞
     * @param keys receives [tokens, HV, K]
     * @param g receives log decays [tokens, HV, K]; those of first tokens are &lt; −10³⁷, as good as −∞
     * @param normalize 1 if factors multiply k, else 0
     * @param columns N · HV · K
     */
    public static void logSumsPortable(
            IntArray shape,
            IntArray sequences,
            FloatArray k,
            FloatArray factors,
            FloatArray before,
            FloatArray after,
            FloatArray keys,
            FloatArray g,
            int normalize,
            int columns) {
        for (@Parallel int c = 0; c < columns; c++) {
            int keyDim = shape.get(DeltaShape.KEY_DIM);
            int heads = shape.get(DeltaShape.VALUE_HEADS);
            int keyHeads = shape.get(DeltaShape.KEY_HEADS);
            int channel = c % keyDim;
            int head = (c / keyDim) % heads;
            int sequence = c / (keyDim * heads);
            int keyHead = DeltaIndex.head(shape, head, keyHeads);
            int end = sequences.get(sequence + 1);
            float top = before.get(c);
            float sum = before.get(columns + c);
            float excess = before.get(2 * columns + c);
            for (int t = sequences.get(sequence); t < end; t++) {
                int row = t * keyHeads + keyHead;
                float value = k.get(row * keyDim + channel);
                float key = 0.0f;
                float decay = 0.0f;
                if (value > LEAST) {
                    if (normalize != 0) {
                        value *= factors.get(row);
                    }
                    float rise = value - top;
                    float less = TornadoMath.exp(-TornadoMath.abs(rise));
                    float old = sum;
                    float own = less;
                    if (rise > 0.0f) {
                        old = sum * less;
                        excess *= less;
                        own = 1.0f;
                    }
                    float added = own - excess;
                    float next = old + added;
                    excess = (next - old) - added;
                    key = own / next;
                    decay = -Curves.logOnePlus(TornadoMath.min(own, old), TornadoMath.max(own, old));
                    if (own > old) {
                        // log(1 + own / old), where old may be as good as nothing.
                        decay -= rise - TornadoMath.log(sum);
                    }
                    sum = next;
                    top = TornadoMath.max(top, value);
                }
                int to = (t * heads + head) * keyDim + channel;
                keys.set(to, key);
                g.set(to, decay);
            }
            after.set(c, top);
            after.set(columns + c, sum);
            after.set(2 * columns + c, excess);
            after.set(3 * columns + c, top + TornadoMath.log(sum - excess));
        }
    }
}
