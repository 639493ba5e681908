/** Kernels of attention that weighs every key a query sees. */
@NullMarked
package dev.gust.kernels.hybrid;

import org.jspecify.annotations.NullMarked;
