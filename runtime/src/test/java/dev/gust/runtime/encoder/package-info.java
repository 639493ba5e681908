/** Tests of text encoders. */
@NullMarked
package dev.gust.runtime.encoder;

import org.jspecify.annotations.NullMarked;
