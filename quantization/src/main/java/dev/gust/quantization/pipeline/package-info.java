/** Pipelines that write a model: planned first, then streamed piece by piece, resumable and atomic. */
@NullMarked
package dev.gust.quantization.pipeline;

import org.jspecify.annotations.NullMarked;
