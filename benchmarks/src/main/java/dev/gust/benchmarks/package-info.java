/** benchmarks. */
@NullMarked
package dev.gust.benchmarks;

import org.jspecify.annotations.NullMarked;
