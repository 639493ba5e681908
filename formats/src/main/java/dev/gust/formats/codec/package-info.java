/** Number formats: exact conversion between float32 and every stored type, one value at a time and in bulk. */
@NullMarked
package dev.gust.formats.codec;

import org.jspecify.annotations.NullMarked;
