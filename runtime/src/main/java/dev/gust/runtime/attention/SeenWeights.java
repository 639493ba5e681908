package dev.gust.runtime.attention;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.List;
import java.util.stream.Stream;

/** The weights of the last call, so that what is made of them is made again only where they have changed. */
final class SeenWeights {
    private List<MemorySegment> copies = List.of();

    /** Runs {@code make} unless the weights are those that it last ran for without an error. */
    void ifChanged(Runnable make, MemorySegment... weights) {
        boolean same = copies.size() == weights.length;
        for (int i = 0; same && i < weights.length; i++) {
            same = copies.get(i).mismatch(weights[i]) < 0;
        }
        if (!same) {
            copies = List.of();
            make.run();
            copies = Stream.of(weights)
                    .map(w -> MemorySegment.ofArray(w.toArray(ValueLayout.JAVA_BYTE)))
                    .toList();
        }
    }
}
