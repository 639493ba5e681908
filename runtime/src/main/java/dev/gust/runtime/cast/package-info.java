/** Cast: float32 to the codes of a narrow type and back, the smallest operator. */
@NullMarked
package dev.gust.runtime.cast;

import org.jspecify.annotations.NullMarked;
