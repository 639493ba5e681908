/** Kernels of feature maps: what linear attention puts in place of softmax's exponential. */
@NullMarked
package dev.gust.kernels.featuremap;

import org.jspecify.annotations.NullMarked;
