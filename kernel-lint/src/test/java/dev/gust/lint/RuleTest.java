package dev.gust.lint;

import static org.assertj.core.api.Assertions.assertThat;

import dev.gust.lint.Probe.Finding;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Each rule refuses what it is for, at its line, and accepts what it says to write instead. */
class RuleTest {
    static List<RuleCase> cases() {
        return Stream.of(
                        ControlCases.all().stream(),
                        ValueCases.all().stream(),
                        ValueCases.replacements().values().stream(),
                        MemoryCases.all().stream())
                .flatMap(stream -> stream)
                .toList();
    }

    @ParameterizedTest
    @MethodSource("cases")
    void refuses(RuleCase one) {
        List<Finding> errors = Probe.compile(one.refused());
        assertThat(errors.stream().map(Finding::line).distinct())
                .as(errors.toString())
                .containsExactlyInAnyOrderElementsOf(Probe.marked(one.refused()));
        assertThat(errors).allSatisfy(error -> {
            assertThat(error.file()).endsWith("dev/gust/kernels/probe/Kernels.java");
            assertThat(error.message())
                    .startsWith("kernel-lint " + one.rule().id() + ": `")
                    .contains("`: " + one.rule().fault() + "; write instead: ");
        });
    }

    @ParameterizedTest
    @MethodSource("cases")
    void acceptsTheReplacement(RuleCase one) {
        assertThat(Probe.compile(one.accepted())).isEmpty();
    }

    @Test
    void everyRuleHasACase() {
        // What the API that Gust compiles against lacks is tested in PluginTest.
        assertThat(Stream.concat(cases().stream().map(RuleCase::rule), Stream.of(Rule.SDK_ONLY))
                        .collect(Collectors.toSet()))
                .containsExactlyInAnyOrderElementsOf(Arrays.asList(Rule.values()));
    }

    @Test
    void everyReplacementOfALibraryMethodHasACase() {
        assertThat(ValueCases.replacements().keySet())
                .containsExactlyInAnyOrderElementsOf(LibraryCalls.INSTEAD.keySet());
        ValueCases.replacements()
                .forEach((name, one) -> assertThat(Probe.compile(one.refused()))
                        .extracting(Finding::message)
                        .singleElement()
                        .asString()
                        .endsWith("; write instead: " + LibraryCalls.INSTEAD.get(name)));
    }
}
