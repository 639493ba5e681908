/** Tests of TornadoVM's devices; those tagged "device" run in a JVM of their own, where an SDK is installed. */
@NullMarked
package dev.gust.runtime.tornado;

import org.jspecify.annotations.NullMarked;
