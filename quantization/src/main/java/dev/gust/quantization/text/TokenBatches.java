package dev.gust.quantization.text;

import dev.gust.formats.InputException;
import dev.gust.runtime.attention.Sequences;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;

/**
 * A file's lines as batches of tokens, read as they are asked for. Which lines are together depends on the file, the
 * tokenizer and the limits only, so that results do, too.
 */
public final class TokenBatches {
    private final TextLines lines;
    private final TextTokenizer tokenizer;
    private final int batchTokens;
    private final long mostTokens;

    private Optional<Sentence> waiting = Optional.empty();
    private long count;
    private long tokens;
    private long truncated;

    private record Sentence(TextLines.Line line, int[] ids) {}

    /**
     * Lines that go through a model together.
     *
     * @param ids tokens of all of them
     * @param sequences which tokens are whose
     * @param lines the lines
     */
    @SuppressWarnings("ArrayRecordComponent") // never compared
    public record Batch(int[] ids, Sequences sequences, List<TextLines.Line> lines) {}

    /**
     * Batches of a file.
     *
     * @param batchTokens most tokens of a batch; no line may have more, see {@link TextTokenizer#open}
     * @param mostTokens tokens after which the rest of the file is left out; the line that reaches it is cut there
     */
    public TokenBatches(TextLines lines, TextTokenizer tokenizer, int batchTokens, long mostTokens) {
        this.lines = lines;
        this.tokenizer = tokenizer;
        this.batchTokens = batchTokens;
        this.mostTokens = mostTokens;
    }

    /**
     * The next batch; nothing at the end.
     *
     * @throws InputException if the file is bad, or has no line that is not blank
     */
    public Optional<Batch> next() {
        var ids = new int[batchTokens];
        var offsets = new ArrayList<>(List.of(0));
        var taken = new ArrayList<TextLines.Line>();
        int at = 0;
        for (Optional<Sentence> next = peek(); next.isPresent(); next = peek()) {
            int[] sentence = next.get().ids();
            if (sentence.length > batchTokens - at) {
                break;
            }
            System.arraycopy(sentence, 0, ids, at, sentence.length);
            at += sentence.length;
            offsets.add(at);
            taken.add(next.get().line());
            waiting = Optional.empty();
        }
        if (taken.isEmpty() && count == 0) {
            throw InputException.of(lines.name(), "has no text", "put a sentence or paragraph on each line");
        }
        return taken.isEmpty()
                ? Optional.empty()
                : Optional.of(new Batch(
                        Arrays.copyOf(ids, at),
                        new Sequences(offsets.stream().mapToInt(i -> i).toArray()),
                        List.copyOf(taken)));
    }

    private Optional<Sentence> peek() {
        if (waiting.isEmpty() && tokens < mostTokens) {
            waiting = lines.next().map(this::tokenize);
        }
        return waiting;
    }

    private Sentence tokenize(TextLines.Line line) {
        TextTokenizer.Tokens found = tokenizer.tokenize(line.text());
        int[] ids = found.ids();
        boolean cut = line.cut() || found.truncated();
        if (ids.length > mostTokens - tokens) {
            ids = Arrays.copyOf(ids, (int) (mostTokens - tokens));
            cut = true;
        }
        count++;
        tokens += ids.length;
        truncated += cut ? 1 : 0;
        return new Sentence(line, ids);
    }

    /** Lines so far that were not blank. */
    public long lines() {
        return count;
    }

    /** Their tokens. */
    public long tokens() {
        return tokens;
    }

    /** How many of them were too long, and cut. */
    public long truncated() {
        return truncated;
    }
}
