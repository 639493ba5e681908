/** Output heads: scores of all tokens, the best of them, and exact products of single rows. */
@NullMarked
package dev.gust.kernels.logits;

import org.jspecify.annotations.NullMarked;
