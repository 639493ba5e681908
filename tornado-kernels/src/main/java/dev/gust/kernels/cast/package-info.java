/** Kernels that convert float32 to the codes of narrow types and back. */
@NullMarked
package dev.gust.kernels.cast;

import org.jspecify.annotations.NullMarked;
