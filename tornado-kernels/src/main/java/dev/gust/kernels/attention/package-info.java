/** Linear attention: the generic delta step, token by token and in chunks. */
@NullMarked
package dev.gust.kernels.attention;

import org.jspecify.annotations.NullMarked;
