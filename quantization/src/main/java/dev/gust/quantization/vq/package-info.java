/** Codebooks and other small stand-ins for a matrix of rows: how they are trained, and output heads made of them. */
@NullMarked
package dev.gust.quantization.vq;

import org.jspecify.annotations.NullMarked;
