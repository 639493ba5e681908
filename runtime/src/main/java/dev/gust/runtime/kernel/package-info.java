/** Kernels with their arguments, and the devices that run kernels. */
@NullMarked
package dev.gust.runtime.kernel;

import org.jspecify.annotations.NullMarked;
