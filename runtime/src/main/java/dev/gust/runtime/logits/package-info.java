/**
 * Output heads: the logits of a vocabulary, exactly or by a screen that finds the tokens that matter, and what is made of
 * them.
 */
@NullMarked
package dev.gust.runtime.logits;

import org.jspecify.annotations.NullMarked;
