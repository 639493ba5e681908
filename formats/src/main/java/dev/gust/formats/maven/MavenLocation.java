package dev.gust.formats.maven;

import dev.gust.formats.UsageException;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * A file inside a jar of a Maven repository, written {@code maven:GROUP:ARTIFACT:VERSION!/path/in/jar}, or with a
 * classifier as a fourth coordinate.
 *
 * @param group group id
 * @param artifact artifact id
 * @param version version, not a range
 * @param classifier classifier, if any
 * @param entry path in the jar, without a leading slash
 */
record MavenLocation(String group, String artifact, String version, Optional<String> classifier, String entry) {
    static final String PREFIX = "maven:";

    /** What repositories allow in a coordinate, less what a command or a file system could take for something else. */
    private static final String COORDINATE = "((?![^:!]*\\.\\.)[A-Za-z0-9_][A-Za-z0-9_.+-]*)";

    private static final Pattern LOCATION = Pattern.compile(PREFIX + COORDINATE + ":" + COORDINATE + ":" + COORDINATE
            + "(?::" + COORDINATE + ")?!/*([^/\\p{Cntrl}][^\\p{Cntrl}]*[^/\\p{Cntrl}]|[^/\\p{Cntrl}])");

    /**
     * Parses a location.
     *
     * @throws UsageException if it is not one
     */
    static MavenLocation parse(String text) {
        Matcher matcher = LOCATION.matcher(text);
        if (!matcher.matches()) {
            throw new UsageException(
                    "'" + text + "' is no Maven location",
                    "write maven:GROUP:ARTIFACT:VERSION!/path/in/jar, a classifier after the version");
        }
        String version = matcher.group(3);
        if (version.equals("LATEST") || version.equals("RELEASE")) {
            throw new UsageException(
                    "'" + text + "' names no version: " + version + " changes from day to day", "name one version");
        }
        return new MavenLocation(
                matcher.group(1), matcher.group(2), version, Optional.ofNullable(matcher.group(4)), matcher.group(5));
    }

    /** The artifact as Maven's own plugins write it. */
    String artifactWithPackaging() {
        return String.join(":", group, artifact, version, "jar")
                + classifier.map(c -> ":" + c).orElse("");
    }

    /** The artifact as the user wrote it. */
    String coordinates() {
        return String.join(":", group, artifact, version)
                + classifier.map(c -> ":" + c).orElse("");
    }

    @Override
    public String toString() {
        return PREFIX + coordinates() + "!/" + entry;
    }
}
