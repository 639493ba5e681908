package dev.gust.runtime.featuremap;

import java.lang.foreign.MemorySegment;

/** What every way of mapping asks of its arguments. */
final class MapSizes {
    private MapSizes() {}

    static void check(FeatureMap map, MemorySegment x, long rows, MemorySegment y) {
        if (rows < 0
                || rows % map.heads() != 0
                || x.byteSize() != rows * map.width() * Float.BYTES
                || y.byteSize() != rows * map.outputWidth() * Float.BYTES) {
            throw new IllegalArgumentException("segments of " + x.byteSize() + " and " + y.byteSize() + " bytes for "
                    + rows + " rows of " + map.width() + " and " + map.outputWidth() + " floats, " + map.heads()
                    + " heads");
        }
        FiniteValues.require("feature-map", "x", x);
    }
}
