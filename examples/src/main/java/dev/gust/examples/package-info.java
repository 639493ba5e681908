/** Programs that show the Java API at work. */
@NullMarked
package dev.gust.examples;

import org.jspecify.annotations.NullMarked;
