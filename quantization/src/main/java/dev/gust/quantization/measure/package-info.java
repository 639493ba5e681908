/** Measures on weights: how large they are, and how far a restored weight is from the original. */
@NullMarked
package dev.gust.quantization.measure;

import org.jspecify.annotations.NullMarked;
