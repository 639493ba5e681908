/** Tests of kernels' arrays. */
@NullMarked
package dev.gust.runtime.kernel;

import org.jspecify.annotations.NullMarked;
