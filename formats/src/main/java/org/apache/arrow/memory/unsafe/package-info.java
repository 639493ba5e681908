/** The one class that Arrow looks up by name to find an allocator. */
@NullMarked
package org.apache.arrow.memory.unsafe;

import org.jspecify.annotations.NullMarked;
