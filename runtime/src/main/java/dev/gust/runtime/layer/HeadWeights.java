package dev.gust.runtime.layer;

import dev.gust.runtime.layer.jvm.Lanes;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/** A layer's weights as vector loops want them. */
final class HeadWeights {
    /** [W, C]. */
    final float[] taps;

    /** [C]. */
    final float[] bias;

    /** Of each value head. */
    final List<GateRow> decays;

    /** [V], rounded up to whole vectors. */
    final float[] norm;

    private HeadWeights(float[] taps, float[] bias, List<GateRow> decays, float[] norm) {
        this.taps = taps;
        this.bias = bias;
        this.decays = decays;
        this.norm = norm;
    }

    static HeadWeights of(GatedDeltaLayer layer) {
        Gate decay = layer.decay();
        float[] table = decay.table();
        var decays = new ArrayList<GateRow>();
        for (int head = 0; head < decay.heads(); head++) {
            decays.add(GateRow.of(decay, table, head * decay.channels(), decay.channels()));
        }
        return new HeadWeights(
                layer.conv().taps(),
                layer.convBias(),
                List.copyOf(decays),
                Arrays.copyOf(layer.normWeight(), Lanes.roundUp(layer.valueDim())));
    }
}
