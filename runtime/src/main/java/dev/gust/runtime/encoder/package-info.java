/** Text encoders of BERT's kind, put together from the operators, on any device. */
@NullMarked
package dev.gust.runtime.encoder;

import org.jspecify.annotations.NullMarked;
