/** cli. */
@NullMarked
package dev.gust.cli;

import org.jspecify.annotations.NullMarked;
