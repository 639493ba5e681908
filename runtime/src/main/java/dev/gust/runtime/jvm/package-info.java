/** The jvm device: the Vector API and a team of threads. */
@NullMarked
package dev.gust.runtime.jvm;

import org.jspecify.annotations.NullMarked;
