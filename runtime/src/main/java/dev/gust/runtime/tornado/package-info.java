/** TornadoVM: finding it, its devices, and running kernels on them. The only place that builds execution plans. */
@NullMarked
package dev.gust.runtime.tornado;

import org.jspecify.annotations.NullMarked;
