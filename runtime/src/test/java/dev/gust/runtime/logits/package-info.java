/** Output heads against float64. */
@NullMarked
package dev.gust.runtime.logits;

import org.jspecify.annotations.NullMarked;
