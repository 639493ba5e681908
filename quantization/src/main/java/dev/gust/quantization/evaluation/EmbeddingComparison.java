package dev.gust.quantization.evaluation;

import dev.gust.formats.InputException;
import dev.gust.formats.UsageException;
import dev.gust.quantization.pipeline.Progress;
import dev.gust.quantization.text.TokenBatches;
import dev.gust.runtime.encoder.Encoder;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;

/**
 * The vectors that two encoders give for the lines of a text.
 *
 * @param sentences one for each line that is not blank, in the text's order; one at least
 */
public record EmbeddingComparison(List<SentenceCosine> sentences) {
    private static final int BEGINNING = 60;

    public EmbeddingComparison {
        sentences = List.copyOf(sentences);
        if (sentences.isEmpty()) {
            throw new IllegalArgumentException("nothing was compared");
        }
    }

    /**
     * Runs text through both.
     *
     * @throws InputException if the text is bad or empty, or the models do not take the same tokens or give vectors of
     *     different widths
     */
    public static EmbeddingComparison of(Encoder a, Encoder b, TokenBatches text, Progress progress) {
        if (a.width() != b.width() || a.vocabulary() != b.vocabulary()) {
            throw new UsageException(
                    "the models have " + a.vocabulary() + " and " + b.vocabulary() + " words, and vectors of "
                            + a.width() + " and " + b.width(),
                    "compare a model with one made from it");
        }
        var sentences = new ArrayList<SentenceCosine>();
        for (Optional<TokenBatches.Batch> next = text.next(); next.isPresent(); next = text.next()) {
            TokenBatches.Batch batch = next.get();
            float[] one = a.embed(batch.ids(), batch.sequences());
            float[] other = b.embed(batch.ids(), batch.sequences());
            long bytes = 0;
            for (int n = 0; n < batch.lines().size(); n++) {
                String line = batch.lines().get(n).text();
                sentences.add(new SentenceCosine(
                        batch.lines().get(n).number(),
                        line.substring(0, Math.min(line.length(), BEGINNING)),
                        batch.sequences().end(n) - batch.sequences().first(n),
                        cosine(one, other, n * a.width(), a.width())));
                bytes += line.length() + 1L;
            }
            progress.advance("", bytes);
        }
        return new EmbeddingComparison(sentences);
    }

    private static double cosine(float[] a, float[] b, int first, int width) {
        double product = 0;
        double squaresA = 0;
        double squaresB = 0;
        for (int i = first; i < first + width; i++) {
            product += (double) a[i] * b[i];
            squaresA += (double) a[i] * a[i];
            squaresB += (double) b[i] * b[i];
        }
        return squaresA * squaresB > 0 ? product / Math.sqrt(squaresA * squaresB) : squaresA == squaresB ? 1 : 0;
    }

    /** Their mean. */
    public double mean() {
        return sentences.stream().mapToDouble(SentenceCosine::cosine).average().orElseThrow();
    }

    /** The least. */
    public double min() {
        return percentile(0);
    }

    /**
     * The least cosine that at least this part of the sentences does not exceed: the nearest rank.
     *
     * @param percent 0 … 100
     */
    public double percentile(double percent) {
        double[] sorted =
                sentences.stream().mapToDouble(SentenceCosine::cosine).sorted().toArray();
        int rank = (int) Math.ceil(percent / 100 * sorted.length);
        return sorted[Math.clamp(rank - 1, 0, sorted.length - 1)];
    }

    /** The sentences whose vectors are farthest apart, the farthest first. */
    public List<SentenceCosine> worst(int count) {
        return sentences.stream()
                .sorted(Comparator.comparingDouble(SentenceCosine::cosine).thenComparingLong(SentenceCosine::line))
                .limit(count)
                .toList();
    }
}
