/** Scores for devices that compute with 16-bit floats. */
@NullMarked
package dev.gust.kernels.logits.sdk;

import org.jspecify.annotations.NullMarked;
