/** Kernels of linear attention without a mask, as vision models use it. */
@NullMarked
package dev.gust.kernels.vision;

import org.jspecify.annotations.NullMarked;
