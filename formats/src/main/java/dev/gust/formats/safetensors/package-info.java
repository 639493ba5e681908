/** The safetensors container: reading it with every rule checked, and laying it out as the reference writer does. */
@NullMarked
package dev.gust.formats.safetensors;

import org.jspecify.annotations.NullMarked;
