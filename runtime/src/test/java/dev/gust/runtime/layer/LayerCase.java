package dev.gust.runtime.layer;

import static dev.gust.runtime.layer.Samples.segment;

import dev.gust.runtime.attention.HeadMap;
import java.lang.foreign.Arena;
import java.util.List;

/**
 * A layer to test, with random weights.
 *
 * @param channels gates of a head
 * @param bounded whether the decay is
 * @param betaFactor 1, or 2 for negative eigenvalues
 */
record LayerCase(
        int keyHeads,
        int valueHeads,
        int keyDim,
        int valueDim,
        int width,
        int channels,
        boolean convBias,
        boolean bounded,
        double betaFactor,
        NormGate gate,
        HeadMap map,
        int sequences) {
    static List<LayerCase> all() {
        HeadMap interleaved = HeadMap.INTERLEAVED;
        return List.of(
                new LayerCase(2, 4, 8, 6, 4, 1, false, false, 1, NormGate.SILU, interleaved, 3),
                new LayerCase(2, 2, 12, 7, 4, 12, false, false, 1, NormGate.SIGMOID, interleaved, 2),
                new LayerCase(2, 6, 5, 70, 3, 1, true, false, 2, NormGate.SILU, HeadMap.TILED, 2),
                new LayerCase(1, 2, 33, 130, 2, 33, true, true, 1, NormGate.SIGMOID, interleaved, 1),
                new LayerCase(1, 1, 300, 16, 1, 1, false, true, 1, NormGate.SILU, interleaved, 2));
    }

    int convChannels() {
        return 2 * keyHeads * keyDim + valueHeads * valueDim;
    }

    int decays() {
        return valueHeads * channels;
    }

    /** The weights, drawn in this order. */
    record Weights(float[] taps, float[] bias, float[] aLog, float[] dtBias, float[] norm) {}

    Weights weights(Samples samples) {
        return new Weights(
                samples.gaussian((long) convChannels() * width, 0.5),
                samples.gaussian(convBias ? convChannels() : 0, 0.2),
                samples.uniform(valueHeads, -2, 1.5),
                samples.gaussian(decays(), 1),
                samples.gaussian(valueDim, 1));
    }

    GatedDeltaLayer layer(Weights w, Arena arena) {
        var conv = new CausalConv(convChannels(), width, segment(arena, w.taps()), segment(arena, w.bias()), true);
        Gate decay = bounded
                ? Gate.boundedDecay(valueHeads, channels, segment(arena, w.aLog()), segment(arena, w.dtBias()), -5)
                : Gate.decay(valueHeads, channels, segment(arena, w.aLog()), segment(arena, w.dtBias()));
        return GatedDeltaLayer.of(
                        keyHeads,
                        keyDim,
                        conv,
                        decay,
                        Gate.beta(valueHeads, betaFactor == 2),
                        Norm.gatedRms(valueDim, segment(arena, w.norm()), gate, 1e-5))
                .withHeadMap(map);
    }

    /** One step's inputs. */
    record Inputs(float[] qkv, float[] a, float[] b, float[] gate) {
        LayerInputs segments(Arena arena) {
            return new LayerInputs(segment(arena, qkv), segment(arena, a), segment(arena, b), segment(arena, gate));
        }
    }

    Inputs inputs(Samples samples, int rows) {
        return new Inputs(
                samples.gaussian((long) rows * convChannels(), 1),
                samples.gaussian((long) rows * decays(), 2),
                samples.gaussian((long) rows * valueHeads, 2),
                samples.gaussian((long) rows * valueHeads * valueDim, 2));
    }
}
