/** Calibration: what goes into a model's linear layers when text runs through it. */
@NullMarked
package dev.gust.quantization.calibration;

import org.jspecify.annotations.NullMarked;
