package dev.gust.runtime.encoder;

import java.lang.foreign.MemorySegment;
import java.util.List;

/** Sees what goes into linear layers while an encoder runs. */
@FunctionalInterface
public interface LinearObserver {
    /** One that looks away. */
    LinearObserver NONE = (_, _, _, _) -> {};

    /**
     * Called before the layers multiply, on the caller's thread.
     *
     * @param layers names, without {@code .weight}, of the layers that take this input
     * @param x [rows, columns] float32, valid during the call
     * @param rows tokens
     * @param columns inputs of the layers
     */
    void sees(List<String> layers, MemorySegment x, int rows, int columns);
}
