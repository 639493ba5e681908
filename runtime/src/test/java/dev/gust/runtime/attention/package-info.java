/** Linear attention against float64 references. */
@NullMarked
package dev.gust.runtime.attention;

import org.jspecify.annotations.NullMarked;
