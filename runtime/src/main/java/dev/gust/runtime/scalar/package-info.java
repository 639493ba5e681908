/** The oracle: portable kernels run as plain Java. */
@NullMarked
package dev.gust.runtime.scalar;

import org.jspecify.annotations.NullMarked;
