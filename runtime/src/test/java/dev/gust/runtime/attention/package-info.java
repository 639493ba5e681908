/** Oracles, inputs, grids and tolerances that linear attention is tested with, and tests of the oracles. */
@NullMarked
package dev.gust.runtime.attention;

import org.jspecify.annotations.NullMarked;
