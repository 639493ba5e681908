/** Arrow as the way tensors are allocated, shared with other libraries and stored. */
@NullMarked
package dev.gust.formats.arrow;

import org.jspecify.annotations.NullMarked;
