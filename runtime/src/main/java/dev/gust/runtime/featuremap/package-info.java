/** Feature maps, by which linear attention stands in for softmax: their definitions, and plans that compute them. */
@NullMarked
package dev.gust.runtime.featuremap;

import org.jspecify.annotations.NullMarked;
