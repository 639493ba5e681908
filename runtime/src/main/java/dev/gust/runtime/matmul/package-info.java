/** Quantized matmul: the operator, and one way to run it for each kind of device. */
@NullMarked
package dev.gust.runtime.matmul;

import org.jspecify.annotations.NullMarked;
