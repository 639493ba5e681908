/** What a file of a vector-quantized output head says about itself. */
@NullMarked
package dev.gust.formats.vqhead;

import org.jspecify.annotations.NullMarked;
