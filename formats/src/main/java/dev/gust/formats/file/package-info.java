/** What all model files have in common: named tensors to read, and a layout to write. */
@NullMarked
package dev.gust.formats.file;

import org.jspecify.annotations.NullMarked;
