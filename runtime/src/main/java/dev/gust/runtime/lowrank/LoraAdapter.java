package dev.gust.runtime.lowrank;

import dev.gust.runtime.weight.LinearWeight;

/**
 * One adapter of a linear layer: scale · A · B, with a rank of its own.
 *
 * @param a A [M, r]
 * @param b B [r, N]
 * @param scale what the product is multiplied by, such as LoRA's alpha / r
 */
public record LoraAdapter(LinearWeight a, LinearWeight b, float scale) {}
