package dev.gust.runtime.layer;

import dev.gust.runtime.layer.jvm.Lanes;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * A layer's weights as vector loops want them.
 *
 * @param taps [W, C]
 * @param bias [C]
 * @param decays of each value head
 * @param norm [V], rounded up to whole vectors
 */
record HeadWeights(float[] taps, float[] bias, List<GateRow> decays, float[] norm) {
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
