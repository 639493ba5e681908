/** The command line, tested from outside: what is typed, what is printed, what is left on the disk. */
@NullMarked
package dev.gust.cli;

import org.jspecify.annotations.NullMarked;
