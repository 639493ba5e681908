/** Operators over codebooks: nearest centroids, attention over a codebook, and layers of hashed tables. */
@NullMarked
package dev.gust.runtime.codebook;

import org.jspecify.annotations.NullMarked;
