package dev.gust.runtime.attention;

import java.util.Map;

/**
 * What an oracle computed, in float64.
 *
 * @param o [B, T, HV, V]
 * @param finalState [N, HV, K, V]
 * @param extras what a rule carries beside the state, each [N, HV, ...]: z the normaliser (mLSTM's n, LightNet's log
 *     sum), m mLSTM's stabiliser, d the online scales, imag the imaginary part of DLR's state, levels the states of
 *     log-linear attention
 */
@SuppressWarnings("ArrayRecordComponent") // never compared, and a copy would be waste
public record OracleResult(double[] o, double[] finalState, Map<String, double[]> extras) {
    public OracleResult {
        extras = Map.copyOf(extras);
    }

    /** The carried values of that name. */
    public double[] extra(String name) {
        double[] extra = extras.get(name);
        if (extra == null) {
            throw new IllegalArgumentException("nothing is carried as '" + name + "'");
        }
        return extra;
    }
}
