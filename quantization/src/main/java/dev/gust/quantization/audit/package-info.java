/** Judging models: how far apart two of them are, and whether a quantized one is sound. */
@NullMarked
package dev.gust.quantization.audit;

import org.jspecify.annotations.NullMarked;
