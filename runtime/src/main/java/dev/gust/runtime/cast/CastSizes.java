package dev.gust.runtime.cast;

import java.lang.foreign.MemorySegment;

/** What every way of casting asks of its arguments. */
final class CastSizes {
    private CastSizes() {}

    static void check(Cast cast, MemorySegment in, long count, MemorySegment out) {
        long floats = count * Float.BYTES;
        long codes = cast.codeType().byteSize(Math.max(0, count));
        boolean encode = cast.direction() == Cast.Direction.ENCODE;
        if (count < 0 || in.byteSize() != (encode ? floats : codes) || out.byteSize() != (encode ? codes : floats)) {
            throw new IllegalArgumentException("segments of " + in.byteSize() + " and " + out.byteSize() + " bytes for "
                    + count + " elements of " + cast.dtype());
        }
    }
}
