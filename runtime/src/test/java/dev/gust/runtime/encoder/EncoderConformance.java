package dev.gust.runtime.encoder;

import static org.assertj.core.api.Assertions.assertThat;

import dev.gust.formats.model.ModelFiles;
import dev.gust.formats.model.ModelInput;
import dev.gust.formats.weight.LogicalModel;
import dev.gust.runtime.attention.Sequences;
import dev.gust.runtime.device.Device;
import dev.gust.runtime.layer.Pooling;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;

/** Compares a device's encoder with one in float64. */
final class EncoderConformance {
    static final int[][] TEXTS = {{1}, {3, 22, 0, 5, 5, 7, 19}, {2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22}, {21, 1}};

    private EncoderConformance() {}

    static void check(Device device, TinyBert bert, Path file, Pooling.Kind... poolings) {
        try (ModelInput input = ModelFiles.open(file.toString());
                LogicalModel model = LogicalModel.of(input.source(), Optional.empty())) {
            for (Pooling.Kind pooling : poolings) {
                var options = EncoderOptions.DEFAULT.withTokens(24).withPooling(pooling);
                try (Encoder encoder = Encoder.load(device, model, Optional.of(bert.config()), options)) {
                    check(device, encoder, bert, pooling, TEXTS);
                    check(device, encoder, bert, pooling, TEXTS[1]);
                }
            }
        }
    }

    private static void check(Device device, Encoder encoder, TinyBert bert, Pooling.Kind pooling, int[]... texts) {
        int[] offsets = new int[texts.length + 1];
        for (int n = 0; n < texts.length; n++) {
            offsets[n + 1] = offsets[n] + texts[n].length;
        }
        int[] ids = Arrays.stream(texts).flatMapToInt(Arrays::stream).toArray();
        float[] hidden = encoder.hidden(ids, new Sequences(offsets));
        float[] vectors = encoder.embed(ids, new Sequences(offsets));
        double errors = 0;
        double squares = 0;
        for (int n = 0; n < texts.length; n++) {
            double[][] expected = bert.hidden(texts[n]);
            double[] pooled = new double[TinyBert.HIDDEN];
            int taken = pooling == Pooling.Kind.FIRST ? 1 : texts[n].length;
            for (int t = 0; t < texts[n].length; t++) {
                for (int d = 0; d < TinyBert.HIDDEN; d++) {
                    double difference = hidden[(offsets[n] + t) * TinyBert.HIDDEN + d] - expected[t][d];
                    errors += difference * difference;
                    squares += expected[t][d] * expected[t][d];
                    pooled[d] += t < taken ? expected[t][d] / taken : 0;
                }
            }
            double length = Math.sqrt(Arrays.stream(pooled).map(v -> v * v).sum());
            for (int d = 0; d < TinyBert.HIDDEN; d++) {
                assertThat(Math.abs(vectors[n * TinyBert.HIDDEN + d] - pooled[d] / length))
                        .as("%s text %d, number %d", device.id(), n, d)
                        .isLessThan(1e-5);
            }
        }
        assertThat(Math.sqrt(errors / squares))
                .as("%s %s", device.id(), List.of(texts))
                .isLessThan(1e-5);
    }
}
