/** Kernels: plain Java that TornadoVM compiles to devices, and that runs as it is everywhere else. */
@NullMarked
package dev.gust.kernels;

import org.jspecify.annotations.NullMarked;
