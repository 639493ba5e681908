/** Weights of linear layers as they lie in a file, ready to be multiplied by. */
@NullMarked
package dev.gust.runtime.weight;

import org.jspecify.annotations.NullMarked;
