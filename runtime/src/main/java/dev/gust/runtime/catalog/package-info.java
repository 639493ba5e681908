/** The catalog: every operator and variant, with what it takes and where it runs. */
@NullMarked
package dev.gust.runtime.catalog;

import org.jspecify.annotations.NullMarked;
