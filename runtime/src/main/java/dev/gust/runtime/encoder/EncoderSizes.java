package dev.gust.runtime.encoder;

import dev.gust.formats.InputException;
import dev.gust.formats.tensor.Shape;
import dev.gust.formats.weight.LogicalTensor;
import java.util.Optional;

/**
 * An encoder's sizes.
 *
 * @param vocabulary words
 * @param positions most tokens of a sequence
 * @param hidden width of the rows
 * @param inner width between the last two linear layers of a layer
 * @param layers how many
 * @param config what shapes do not say
 */
record EncoderSizes(int vocabulary, int positions, int hidden, int inner, int layers, EncoderConfig config) {
    /**
     * Reads them off the tensors' shapes.
     *
     * @throws InputException if a table or the first layer is missing
     */
    static EncoderSizes of(EncoderTensors tensors, EncoderConfig config) {
        Shape words = tensors.words();
        Shape positions = tensors.find("embeddings.position_embeddings.weight")
                .map(LogicalTensor::shape)
                .orElseThrow(() -> missing(tensors, "embeddings.position_embeddings.weight"));
        int layers = 0;
        while (tensors.find(layer(layers) + ".attention.output.dense.bias").isPresent()
                || tensors.find(layer(layers) + ".output.dense.bias").isPresent()) {
            layers++;
        }
        if (layers == 0) {
            throw missing(tensors, layer(0) + ".output.dense.bias");
        }
        Optional<LogicalTensor> inner = tensors.find(layer(0) + ".intermediate.dense.bias");
        return new EncoderSizes(
                (int) words.rows(),
                Math.toIntExact(positions.rows()),
                (int) words.columns(),
                Math.toIntExact(inner.orElseThrow(() -> missing(tensors, layer(0) + ".intermediate.dense.bias"))
                        .shape()
                        .elements()),
                layers,
                config);
    }

    static String layer(int index) {
        return "encoder.layer." + index;
    }

    private static InputException missing(EncoderTensors tensors, String name) {
        return InputException.ofTensor(
                tensors.location(), tensors.name(name), "is missing", "gust inspect lists a model's tensors");
    }
}
