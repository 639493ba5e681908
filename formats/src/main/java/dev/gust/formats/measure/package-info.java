/** Measures on weights: how large they are, and how far a restored weight is from the original. */
@NullMarked
package dev.gust.formats.measure;

import org.jspecify.annotations.NullMarked;
