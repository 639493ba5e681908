/** Feature maps against float64. */
@NullMarked
package dev.gust.runtime.featuremap;

import org.jspecify.annotations.NullMarked;
