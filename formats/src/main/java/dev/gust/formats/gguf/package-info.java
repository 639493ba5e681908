/** GGUF, the container of llama.cpp: a mapped, fully checked reader of versions 2 and 3, and the layout of version 3. */
@NullMarked
package dev.gust.formats.gguf;

import org.jspecify.annotations.NullMarked;
