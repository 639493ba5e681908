/** Quantization schemes: how the rows of a weight become codes and scales, and back. */
@NullMarked
package dev.gust.formats.scheme;

import org.jspecify.annotations.NullMarked;
