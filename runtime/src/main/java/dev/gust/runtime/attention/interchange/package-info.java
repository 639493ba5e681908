/** Linear attention in the conventions of other projects: ONNX's operator and ggml's. */
@NullMarked
package dev.gust.runtime.attention.interchange;

import org.jspecify.annotations.NullMarked;
