/** Text to tokens: lines of a file, a model's tokenizer, batches for an encoder. */
@NullMarked
package dev.gust.quantization.text;

import org.jspecify.annotations.NullMarked;
