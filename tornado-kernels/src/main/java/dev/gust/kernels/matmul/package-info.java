/** Kernels that multiply by packed weights, restoring them on the way. */
@NullMarked
package dev.gust.kernels.matmul;

import org.jspecify.annotations.NullMarked;
