/** A model as it is meant: weights by name, whatever number of stored tensors each of them is made of. */
@NullMarked
package dev.gust.formats.weight;

import org.jspecify.annotations.NullMarked;
