/** Tests of the layers' operators. */
@NullMarked
package dev.gust.runtime.layer;

import org.jspecify.annotations.NullMarked;
