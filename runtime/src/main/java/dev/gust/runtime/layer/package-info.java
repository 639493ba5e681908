/** What the layers of linear attention have around it: causal convolution, norms, gates, and a layer's whole decode step. */
@NullMarked
package dev.gust.runtime.layer;

import org.jspecify.annotations.NullMarked;
