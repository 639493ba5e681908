/** Devices, plans and operators: what a Java service calls. */
@NullMarked
package dev.gust.runtime;

import org.jspecify.annotations.NullMarked;
