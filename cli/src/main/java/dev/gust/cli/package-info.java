/** The gust command: parsing, progress, reports and exit codes. The only place that prints or exits. */
@NullMarked
package dev.gust.cli;

import org.jspecify.annotations.NullMarked;
