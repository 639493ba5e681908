package dev.gust.runtime.logits;

import dev.gust.formats.InputException;
import dev.gust.runtime.featuremap.FiniteValues;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.stream.Stream;

/** What every way of running a head asks of a call's arguments, and what it does with its settings. */
record HeadCall(VqHead head, HeadOptions options) {
    static final ValueLayout.OfFloat F32 = ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    static final ValueLayout.OfInt I32 = ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

    void checkTop(MemorySegment h, int m, int k, MemorySegment ids, MemorySegment logits) {
        VqLogits.requireK(head, k);
        checkHidden(h, m);
        if (ids.byteSize() != 4L * m * k || logits.byteSize() != 4L * m * k) {
            throw new IllegalArgumentException("ids of " + ids.byteSize() + " and logits of " + logits.byteSize()
                    + " bytes for [" + m + ", " + k + "]");
        }
    }

    void checkLogits(MemorySegment h, int m, MemorySegment logits) {
        checkHidden(h, m);
        if (logits.byteSize() != 4L * m * head.v()) {
            throw new IllegalArgumentException(
                    "logits of " + logits.byteSize() + " bytes for [" + m + ", " + head.v() + "]");
        }
    }

    private void checkHidden(MemorySegment h, int m) {
        if (m < 0 || h.byteSize() != 4L * m * head.d()) {
            throw new IllegalArgumentException(
                    "h of " + h.byteSize() + " bytes for [" + m + ", " + head.d() + "] of " + head.where());
        }
        FiniteValues.require(head.where(), "h", h);
    }

    /** Whether tokens that a screen finds are multiplied exactly afterwards. */
    boolean reranks() {
        return options.search() == HeadOptions.Search.SCREEN && !(head.screen() instanceof Screen.None);
    }

    /** Whether clusters are probed. */
    boolean probes() {
        return options.search() == HeadOptions.Search.SCREEN && head.screen() instanceof Screen.Clusters;
    }

    /** Tokens that are wanted of the screen for k. */
    int wanted(int k) {
        if (!reranks()) {
            return k;
        }
        return Math.min(
                head.v(), Math.max(k, setting(options.rerank(), head.metadata().rerank(), HeadOptions.RERANK)));
    }

    /** Clusters to search. */
    int probeCount() {
        return setting(options.probes(), head.metadata().probes(), HeadOptions.PROBES);
    }

    private static int setting(int option, int file, int otherwise) {
        return option > 0 ? option : file > 0 ? file : otherwise;
    }

    /** Tokens that are always multiplied exactly: none where all are, or none is. */
    int[] special() {
        if (!reranks()) {
            return new int[0];
        }
        return Stream.concat(options.special().stream(), head.metadata().always().stream())
                .mapToInt(Integer::intValue)
                .distinct()
                .toArray();
    }

    /** One hidden state. */
    float[] hidden(MemorySegment h, int row) {
        float[] values = new float[head.d()];
        MemorySegment.copy(h, F32, 4L * row * head.d(), values, 0, head.d());
        return values;
    }

    /**
     * Writes the k best of a row.
     *
     * @throws InputException if there are fewer, since logits are not numbers
     */
    void write(long[] keys, int k, int row, MemorySegment ids, MemorySegment logits) {
        if (keys.length < k) {
            throw InputException.ofTensor(
                    head.where(), "h", "gives logits that are not numbers in row " + row, "scale it down");
        }
        for (int i = 0; i < k; i++) {
            long at = 4 * ((long) row * k + i);
            ids.set(I32, at, SortedLogits.id(keys[i]));
            logits.set(F32, at, SortedLogits.logit(keys[i]));
        }
    }

    /** Puts exact logits among those of a row. */
    void put(long[] keys, int row, MemorySegment logits) {
        for (long key : keys) {
            logits.set(F32, 4 * ((long) row * head.v() + SortedLogits.id(key)), SortedLogits.logit(key));
        }
    }

    /** Fills rows of logits with minus infinity. */
    void fill(MemorySegment logits, int first, int rows) {
        for (long i = (long) first * head.v(); i < (long) (first + rows) * head.v(); i++) {
            logits.set(F32, 4 * i, Float.NEGATIVE_INFINITY);
        }
    }
}
