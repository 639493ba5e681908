/** Tests of the parts of a split. */
@NullMarked
package dev.gust.runtime.attention.parallel;

import org.jspecify.annotations.NullMarked;
