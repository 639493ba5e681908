/** Vector loops of the jvm device for convolution, norms, gates and a layer's decode step. */
@NullMarked
package dev.gust.runtime.layer.jvm;

import org.jspecify.annotations.NullMarked;
