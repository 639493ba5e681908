/** Vector loops of the jvm device for operators over codebooks. */
@NullMarked
package dev.gust.runtime.codebook.jvm;

import org.jspecify.annotations.NullMarked;
