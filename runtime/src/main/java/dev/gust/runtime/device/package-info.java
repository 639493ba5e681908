/** Devices: what they are called, what they can do, and how one is opened. */
@NullMarked
package dev.gust.runtime.device;

import org.jspecify.annotations.NullMarked;
