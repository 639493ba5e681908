/** Kernels of codebooks: the nearest centroid of each row, attention over a codebook, and layers of hashed tables. */
@NullMarked
package dev.gust.kernels.codebook;

import org.jspecify.annotations.NullMarked;
