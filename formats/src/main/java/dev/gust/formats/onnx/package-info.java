/** ONNX models as a source of weights: initialisers named and oriented as the layers that use them. */
@NullMarked
package dev.gust.formats.onnx;

import org.jspecify.annotations.NullMarked;
