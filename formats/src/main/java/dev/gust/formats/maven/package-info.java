/** Models inside jars of a Maven repository, fetched by the installed Maven. */
@NullMarked
package dev.gust.formats.maven;

import org.jspecify.annotations.NullMarked;
