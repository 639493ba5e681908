/** Kernels of low-rank, sparse and block-diagonal products. */
@NullMarked
package dev.gust.kernels.lowrank;

import org.jspecify.annotations.NullMarked;
