/** Products by low-rank factors, by chosen columns, by many adapters and by block-diagonal factors. */
@NullMarked
package dev.gust.runtime.lowrank;

import org.jspecify.annotations.NullMarked;
