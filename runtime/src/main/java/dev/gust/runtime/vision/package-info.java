/** Attention without a mask in linear time, as vision models use it: the rules, and plans that compute them. */
@NullMarked
package dev.gust.runtime.vision;

import org.jspecify.annotations.NullMarked;
