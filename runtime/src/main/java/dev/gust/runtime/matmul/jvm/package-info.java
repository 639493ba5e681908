/** Matmul by vector loops over a weight as it lies in memory. */
@NullMarked
package dev.gust.runtime.matmul.jvm;

import org.jspecify.annotations.NullMarked;
