package dev.gust.runtime.logits;

import dev.gust.runtime.featuremap.FiniteValues;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.List;

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
        List<Integer> wanted = reranks() ? options.special() : List.of();
        return wanted.stream().mapToInt(Integer::intValue).distinct().toArray();
    }
}
