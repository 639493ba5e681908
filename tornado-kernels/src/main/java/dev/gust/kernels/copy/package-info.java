/** The kernel that does nothing but move memory: what others are held against. */
@NullMarked
package dev.gust.kernels.copy;

import org.jspecify.annotations.NullMarked;
