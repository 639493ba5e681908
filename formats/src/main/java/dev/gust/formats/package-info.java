/** Numbers, tensors and files: what a model is made of, before anything computes with it. */
@NullMarked
package dev.gust.formats;

import org.jspecify.annotations.NullMarked;
