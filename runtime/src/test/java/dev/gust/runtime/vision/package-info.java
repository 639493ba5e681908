/** Vision attention against float64. */
@NullMarked
package dev.gust.runtime.vision;

import org.jspecify.annotations.NullMarked;
