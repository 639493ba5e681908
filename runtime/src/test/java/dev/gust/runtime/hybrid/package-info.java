@NullMarked
package dev.gust.runtime.hybrid;

import org.jspecify.annotations.NullMarked;
