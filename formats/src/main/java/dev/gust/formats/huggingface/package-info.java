/** Model folders as the Hugging Face libraries write them: a config, one or many safetensors files, and what goes along. */
@NullMarked
package dev.gust.formats.huggingface;

import org.jspecify.annotations.NullMarked;
