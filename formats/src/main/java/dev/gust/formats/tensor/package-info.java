/** Tensors: a shape, a number type and a memory segment. */
@NullMarked
package dev.gust.formats.tensor;

import org.jspecify.annotations.NullMarked;
