/** Vector loops of linear attention for the jvm device. */
@NullMarked
package dev.gust.runtime.attention.jvm;

import org.jspecify.annotations.NullMarked;
