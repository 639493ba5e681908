/** Linear attention: its recurrences, and the rules of papers as thin preparations of their inputs. */
@NullMarked
package dev.gust.runtime.attention;

import org.jspecify.annotations.NullMarked;
