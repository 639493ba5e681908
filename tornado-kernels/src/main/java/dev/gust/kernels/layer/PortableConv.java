package dev.gust.kernels.layer;

import uk.ac.manchester.tornado.api.annotations.Parallel;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;

/**
 * A causal convolution over tokens, of each channel by itself, on any device; two kernels, one after the other:
 *
 * <pre>
 * y_t = bias + Σ_j w_j x_{t − (W − 1) + j}   for j from 0 to W − 1
 * </pre>
 *
 * <p>What lies before a sequence's first token is its state: the last W − 1 inputs, the oldest first. States lie with their
 * channels side by side, [N, W − 1, D], as inputs do.
 */
public final class PortableConv {
    private PortableConv() {}

    /**
     * The outputs. States are only read.
     *
     * @param shape see {@link ConvShape}
     * @param owners the sequence of each token
     * @param sequences [N + 1] first tokens, and [N] flags: 1 where the state is zero; N is the capacity
     * @param x [tokens, D]
     * @param w taps [W, D]
     * @param bias [D]; one float if it is not there
     * @param state [N, W − 1, D]
     * @param y receives [tokens, D]; zero behind the call's tokens
     * @param form bits of {@link ConvForm}
     * @param capacity N
     * @param elements D times the tokens for which there is room
     */
    public static void convTokensPortable(
            IntArray shape,
            IntArray owners,
            IntArray sequences,
            FloatArray x,
            FloatArray w,
            FloatArray bias,
            FloatArray state,
            FloatArray y,
            int form,
            int capacity,
            int elements) {
        for (@Parallel int i = 0; i < elements; i++) {
            int channels = shape.get(ConvShape.CHANNELS);
            int width = shape.get(ConvShape.WIDTH);
            int token = i / channels;
            int channel = i % channels;
            float sum = 0.0f;
            if (token < shape.get(ConvShape.TOKENS)) {
                int sequence = owners.get(token);
                int first = sequences.get(sequence);
                int cleared = sequences.get(capacity + 1 + sequence);
                if ((form & ConvForm.BIAS) != 0) {
                    sum = bias.get(channel);
                }
                for (int j = 0; j < width; j++) {
                    int t = token - (width - 1) + j;
                    float value = 0.0f;
                    if (t >= first) {
                        value = x.get(t * channels + channel);
                    } else if (cleared == 0) {
                        value = state.get((sequence * (width - 1) + t - first + width - 1) * channels + channel);
                    }
                    sum += w.get(j * channels + channel) * value;
                }
                if ((form & ConvForm.SILU) != 0) {
                    sum = Curves.siluOf(sum);
                }
            }
            y.set(i, sum);
        }
    }

    /**
     * The states behind the call's tokens, in place. A thread moves a channel's values towards the older ones in ascending
     * order, so that none is overwritten before it is read.
     *
     * @param lines N · D
     */
    public static void convStatesPortable(
            IntArray shape, IntArray sequences, FloatArray x, FloatArray state, int capacity, int lines) {
        for (@Parallel int i = 0; i < lines; i++) {
            int channels = shape.get(ConvShape.CHANNELS);
            int kept = shape.get(ConvShape.WIDTH) - 1;
            int sequence = i / channels;
            int channel = i % channels;
            int first = sequences.get(sequence);
            int end = sequences.get(sequence + 1);
            int cleared = sequences.get(capacity + 1 + sequence);
            for (int j = 0; j < kept; j++) {
                int t = end - kept + j;
                float value = 0.0f;
                if (t >= first) {
                    value = x.get(t * channels + channel);
                } else if (cleared == 0) {
                    value = state.get((sequence * kept + j + end - first) * channels + channel);
                }
                state.set((sequence * kept + j) * channels + channel, value);
            }
        }
    }
}
