/** Measurements: each prints what it measured as a fraction of a limit measured in the same run. */
@NullMarked
package dev.gust.benchmarks;

import org.jspecify.annotations.NullMarked;
