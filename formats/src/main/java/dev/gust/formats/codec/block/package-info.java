/** The block types of GGUF: byte for byte what llama.cpp's reference encoder writes, bit for bit what it decodes. */
@NullMarked
package dev.gust.formats.codec.block;

import org.jspecify.annotations.NullMarked;
