/** The lint for kernels, as a plugin of the compiler. */
@NullMarked
package dev.gust.lint;

import org.jspecify.annotations.NullMarked;
