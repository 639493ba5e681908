package dev.gust.runtime.attention;

import dev.gust.kernels.attention.PortableLogSums;
import java.util.Arrays;

/**
 * Logarithms of sums as devices keep them from call to call: top + log(sum − excess), all [N, HV, K]. The logarithm alone would
 * lose what a token adds once there were many; with calls of one token each that would be lost for good.
 *
 * @param z what that is in float32, {@link PortableLogSums#LEAST} where there was nothing yet
 */
record LogSumParts(float[] top, float[] sum, float[] excess, float[] z) {
    /** So many of which there was nothing yet. */
    static LogSumParts of(int channels) {
        var parts = new LogSumParts(new float[channels], new float[channels], new float[channels], new float[channels]);
        Arrays.fill(parts.top, PortableLogSums.LEAST);
        Arrays.fill(parts.sum, 1);
        Arrays.fill(parts.z, PortableLogSums.LEAST);
        return parts;
    }

    /** Takes what z says, for those channels that do not say so already. */
    void take(float[] given, int channels) {
        for (int i = 0; i < channels; i++) {
            float whole = Math.max(given[i], PortableLogSums.LEAST);
            if (z[i] != whole) {
                z[i] = whole;
                top[i] = whole;
                sum[i] = 1;
                excess[i] = 0;
            }
        }
    }

    /** Says what z is: −∞ where there was nothing yet. */
    void give(float[] to, int channels) {
        for (int i = 0; i < channels; i++) {
            to[i] = z[i] <= PortableLogSums.LEAST ? Float.NEGATIVE_INFINITY : z[i];
        }
    }
}
