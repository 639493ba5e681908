/** The small kernels around linear attention: causal convolution, norms, gates, and a whole layer's decode step. */
@NullMarked
package dev.gust.kernels.layer;

import org.jspecify.annotations.NullMarked;
