package dev.gust.cli;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.List;
import java.util.TreeSet;

/** Runs the command in this JVM and holds it to the rules that every run obeys. */
final class Gust {
    private static final JsonMapper JSON = JsonMapper.builder()
            .enable(JsonParser.Feature.STRICT_DUPLICATE_DETECTION)
            .enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS)
            .build();

    private Gust() {}

    /**
     * What a run left.
     *
     * @param code its exit code
     * @param out what it printed on stdout
     * @param err what it printed on stderr
     */
    record Result(int code, String out, String err) {
        /** The lines on stderr. */
        List<String> errors() {
            return err.lines().toList();
        }

        /** The run did what it was asked to and had nothing to complain of. */
        Result isDone() {
            assertThat(err).isEmpty();
            assertThat(code).isZero();
            return this;
        }

        /** The run failed with that code and said why on one line that holds all of {@code parts}. */
        Result failed(int expected, String... parts) {
            assertThat(errors()).as("stderr, exit code %d", code).hasSize(1);
            assertThat(errors().getFirst()).startsWith("gust: ").doesNotContain("Exception", "\u001b");
            List.of(parts).forEach(part -> assertThat(errors().getFirst()).contains(part));
            assertThat(code).as(err).isEqualTo(expected);
            return this;
        }

        /** Stdout, which must be one JSON document. */
        JsonNode json() {
            try {
                return JSON.readTree(out);
            } catch (IOException e) {
                throw new UncheckedIOException(out, e);
            }
        }
    }

    static Result run(Object... args) {
        var out = new StringWriter();
        var err = new StringWriter();
        int code = Main.run(
                new PrintWriter(out), new PrintWriter(err), strings(args).toArray(String[]::new));
        return new Result(code, out.toString(), err.toString());
    }

    /** Arguments as text; collections are spread. */
    static List<String> strings(Object... args) {
        var strings = new ArrayList<String>();
        Arrays.stream(args).forEach(a -> {
            if (a instanceof Collection<?> many) {
                many.forEach(one -> strings.add(one.toString()));
            } else {
                strings.add(a.toString());
            }
        });
        return strings;
    }

    /** Neither the output nor anything of a run that made it is there. */
    static void assertNothingLeft(Path out) {
        assertThat(Files.exists(out, LinkOption.NOFOLLOW_LINKS)).as("%s", out).isFalse();
        assertThat(Files.exists(partial(out), LinkOption.NOFOLLOW_LINKS))
                .as("%s", partial(out))
                .isFalse();
    }

    static Path partial(Path out) {
        return out.resolveSibling(out.getFileName() + ".partial");
    }

    /** The keys of an object, sorted. */
    static List<String> keys(JsonNode object) {
        var names = new TreeSet<String>();
        object.fieldNames().forEachRemaining(names::add);
        return List.copyOf(names);
    }
}
