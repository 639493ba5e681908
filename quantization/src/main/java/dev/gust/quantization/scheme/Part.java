package dev.gust.quantization.scheme;

import dev.gust.formats.tensor.DType;
import dev.gust.formats.tensor.Shape;

/**
 * One stored tensor of a quantized weight.
 *
 * @param suffix its name behind the layer's, as compressed-tensors has it: {@code weight_packed}, {@code weight_scale}
 * @param dtype how it is stored
 * @param shape its dimensions
 */
public record Part(String suffix, DType dtype, Shape shape) {}
