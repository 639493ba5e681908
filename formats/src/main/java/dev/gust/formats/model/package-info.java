/** Opening a model, whatever the user names: a file of any container, a folder, an entry of a Maven artifact. */
@NullMarked
package dev.gust.formats.model;

import org.jspecify.annotations.NullMarked;
