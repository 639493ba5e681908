/** Sequences that are split over several devices, threads or processes: parts run at once and pass states on. */
@NullMarked
package dev.gust.runtime.attention.parallel;

import org.jspecify.annotations.NullMarked;
