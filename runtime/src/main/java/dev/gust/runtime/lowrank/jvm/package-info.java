/** Vector loops of low-rank products. */
@NullMarked
package dev.gust.runtime.lowrank.jvm;

import org.jspecify.annotations.NullMarked;
