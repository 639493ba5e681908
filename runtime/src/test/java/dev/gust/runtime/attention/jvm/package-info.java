/** Tests of the loops of linear attention. */
@NullMarked
package dev.gust.runtime.attention.jvm;

import org.jspecify.annotations.NullMarked;
