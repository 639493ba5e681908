package dev.gust.runtime.cast;

import dev.gust.formats.codec.UnpackedCodes;
import dev.gust.runtime.kernel.KernelTimes;
import java.lang.foreign.MemorySegment;

/** Cast through the formats' own bulk codecs. */
final class JvmCast implements CastPlan {
    private final Cast cast;
    private final UnpackedCodes codes;
    private volatile boolean closed;

    JvmCast(Cast cast) {
        this.cast = cast;
        this.codes = Cast.codes(cast.dtype());
    }

    @Override
    public KernelTimes run(MemorySegment in, long count, MemorySegment out) {
        if (closed) {
            throw new IllegalStateException("the plan of a cast to " + cast.dtype() + " is closed");
        }
        CastSizes.check(cast, in, count, out);
        long start = System.nanoTime();
        switch (cast.direction()) {
            case ENCODE -> codes.encode(in, 0, out, 0, count, 0, cast.rounding(), cast.saturate());
            case DECODE -> codes.decode(in, 0, out, 0, count);
        }
        return KernelTimes.ofTotal(System.nanoTime() - start);
    }

    @Override
    public void close() {
        closed = true;
    }
}
