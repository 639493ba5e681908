/** Tests of choosing devices. */
@NullMarked
package dev.gust.runtime.device;

import org.jspecify.annotations.NullMarked;
