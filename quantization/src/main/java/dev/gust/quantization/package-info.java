/** quantization. */
@NullMarked
package dev.gust.quantization;

import org.jspecify.annotations.NullMarked;
