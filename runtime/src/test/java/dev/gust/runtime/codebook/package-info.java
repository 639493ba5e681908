/** Tests of operators over codebooks. */
@NullMarked
package dev.gust.runtime.codebook;

import org.jspecify.annotations.NullMarked;
