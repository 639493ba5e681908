/** The emulator: tuned kernels as plain Java, with everything checked that a device does not check. */
@NullMarked
package dev.gust.runtime.emulator;

import org.jspecify.annotations.NullMarked;
