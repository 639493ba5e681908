/** Evaluation: how near the outputs of two models are on text. */
@NullMarked
package dev.gust.quantization.evaluation;

import org.jspecify.annotations.NullMarked;
