/** Low-rank decompositions: singular values, whitening, ranks, adapters, and the factors they give. */
@NullMarked
package dev.gust.quantization.lowrank;

import org.jspecify.annotations.NullMarked;
