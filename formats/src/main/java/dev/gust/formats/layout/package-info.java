/** Layouts: the names, shapes and configuration under which each ecosystem stores a quantized weight. */
@NullMarked
package dev.gust.formats.layout;

import org.jspecify.annotations.NullMarked;
