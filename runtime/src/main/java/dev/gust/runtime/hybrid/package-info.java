/** Attention that weighs every key a query sees, and hybrids of it with linear attention: operators, and plans that compute them. */
@NullMarked
package dev.gust.runtime.hybrid;

import org.jspecify.annotations.NullMarked;
