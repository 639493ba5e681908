package dev.gust.kernels.attention;

import uk.ac.manchester.tornado.api.annotations.Parallel;
import uk.ac.manchester.tornado.api.math.TornadoMath;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;

/** From the gradients of value heads to those of the operands: sums over heads that share one, over channels and columns. */
public final class PortableDeltaSums {
    private PortableDeltaSums() {}

    /**
     * The gradient of q or a key: sums over the value heads that use it and, where vectors were divided by their lengths,
     * goes back through that. A vector to a thread.
     *
     * @param shape see {@link DeltaShape}
     * @param x [tokens, heads, K], as it was before it was divided
     * @param rows of {@link PortableDeltaRows}
     * @param dX receives [tokens, heads, K]
     * @param section which of {@link DeltaGradient}'s
     * @param other a section to add, or {@link DeltaGradient#NO_SECTION}
     * @param heads of x
     * @param unit 1 where x was divided by its length, otherwise 0
     * @param vectors tokens · heads, for as many tokens as there is room for
     */
    public static void keySumsPortable(
            IntArray shape,
            FloatArray x,
            FloatArray rows,
            FloatArray dX,
            int section,
            int other,
            int heads,
            int unit,
            int vectors) {
        for (@Parallel int i = 0; i < vectors; i++) {
            int keyDim = shape.get(DeltaShape.KEY_DIM);
            int valueHeads = shape.get(DeltaShape.VALUE_HEADS);
            int tokens = shape.get(DeltaShape.TOKENS);
            int head = i % heads;
            int t = i / heads;
            int users = valueHeads / heads;
            int firstUser = DeltaIndex.firstUser(shape, head, heads);
            int stride = DeltaIndex.userStride(shape, heads);
            int length = tokens * valueHeads * keyDim;
            if (t < tokens) {
                float squares = UnitRows.EPSILON;
                float along = 0.0f;
                for (int d = 0; d < keyDim; d++) {
                    float sum = 0.0f;
                    for (int j = 0; j < users; j++) {
                        int at = (t * valueHeads + firstUser + j * stride) * keyDim + d;
                        sum += rows.get(section * length + at);
                        if (other != DeltaGradient.NO_SECTION) {
                            sum += rows.get(other * length + at);
                        }
                    }
                    dX.set(i * keyDim + d, sum);
                    if (unit != 0) {
                        float value = x.get(i * keyDim + d);
                        squares += value * value;
                        along += value * sum;
                    }
                }
                if (unit != 0) {
                    float factor = 1.0f / TornadoMath.sqrt(squares);
                    float inward = along * factor * factor;
                    for (int d = 0; d < keyDim; d++) {
                        float value = dX.get(i * keyDim + d) - x.get(i * keyDim + d) * inward;
                        dX.set(i * keyDim + d, value * factor);
                    }
                }
            }
        }
    }

    /**
     * The gradient of beta, Σ_columns du ∘ r; a token's head to a thread.
     *
     * @param errors r [tokens, HV, V]
     * @param dWritten du [tokens, HV, V]
     * @param dBeta receives [tokens, HV]
     * @param lines tokens · HV, for as many tokens as there is room for
     */
    public static void betaSumsPortable(
            IntArray shape, FloatArray errors, FloatArray dWritten, FloatArray dBeta, int lines) {
        for (@Parallel int i = 0; i < lines; i++) {
            int valueDim = shape.get(DeltaShape.VALUE_DIM);
            if (i < shape.get(DeltaShape.TOKENS) * shape.get(DeltaShape.VALUE_HEADS)) {
                float sum = 0.0f;
                for (int c = 0; c < valueDim; c++) {
                    sum += errors.get(i * valueDim + c) * dWritten.get(i * valueDim + c);
                }
                dBeta.set(i, sum);
            }
        }
    }

    /**
     * The gradient of log decays of tokens' heads: sums over channels.
     *
     * @param rows of {@link PortableDeltaRows}
     * @param dG receives [tokens, HV]
     * @param lines tokens · HV, for as many tokens as there is room for
     */
    public static void lineSumsPortable(IntArray shape, FloatArray rows, FloatArray dG, int lines) {
        for (@Parallel int i = 0; i < lines; i++) {
            int keyDim = shape.get(DeltaShape.KEY_DIM);
            int callLines = shape.get(DeltaShape.TOKENS) * shape.get(DeltaShape.VALUE_HEADS);
            if (i < callLines) {
                float sum = 0.0f;
                for (int d = 0; d < keyDim; d++) {
                    sum += rows.get((DeltaGradient.DECAY * callLines + i) * keyDim + d);
                }
                dG.set(i, sum);
            }
        }
    }

    /**
     * The gradient of log decays of heads, from those of tokens' heads: sums of sums over a chunk's tokens, which lose less
     * than one long sum.
     *
     * @param lines [tokens, HV]
     * @param dG receives [HV]
     * @param heads HV
     */
    public static void headSumsPortable(IntArray shape, FloatArray lines, FloatArray dG, int heads) {
        for (@Parallel int h = 0; h < heads; h++) {
            int tokens = shape.get(DeltaShape.TOKENS);
            int length = shape.get(DeltaShape.CHUNK);
            float sum = 0.0f;
            for (int first = 0; first < tokens; first += length) {
                int end = TornadoMath.min(first + length, tokens);
                float part = 0.0f;
                for (int t = first; t < end; t++) {
                    part += lines.get(t * heads + h);
                }
                sum += part;
            }
            dG.set(h, sum);
        }
    }

    /**
     * The gradient of log decays of channels, as it is.
     *
     * @param rows of {@link PortableDeltaRows}
     * @param dG receives [tokens, HV, K]
     * @param elements tokens · HV · K, for as many tokens as there is room for
     */
    public static void channelsPortable(IntArray shape, FloatArray rows, FloatArray dG, int elements) {
        for (@Parallel int i = 0; i < elements; i++) {
            int length =
                    shape.get(DeltaShape.TOKENS) * shape.get(DeltaShape.VALUE_HEADS) * shape.get(DeltaShape.KEY_DIM);
            if (i < length) {
                dG.set(i, rows.get(DeltaGradient.DECAY * length + i));
            }
        }
    }
}
