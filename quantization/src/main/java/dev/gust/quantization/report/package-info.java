/** What a pipeline did, as data, as JSON and as a page to read. */
@NullMarked
package dev.gust.quantization.report;

import org.jspecify.annotations.NullMarked;
