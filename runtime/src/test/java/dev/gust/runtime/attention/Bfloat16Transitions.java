package dev.gust.runtime.attention;

import dev.gust.runtime.attention.parallel.Contribution;
import dev.gust.runtime.attention.parallel.Gather;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/** What must not be done: transitions rounded to bfloat16 before they are passed on. */
record Bfloat16Transitions(Gather inner) implements Gather {
    @Override
    public void exchange(Contribution own, MemorySegment before) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment rounded = arena.allocate(own.transition().byteSize(), 64);
            for (long i = 0; i < rounded.byteSize() / Float.BYTES; i++) {
                int bits = Float.floatToRawIntBits(own.transition().getAtIndex(ValueLayout.JAVA_FLOAT, i));
                int nearest = bits + 0x7fff + (bits >>> 16 & 1) & 0xffff0000;
                rounded.setAtIndex(ValueLayout.JAVA_FLOAT, i, Float.intBitsToFloat(nearest));
            }
            inner.exchange(new Contribution(own.chain(), own.resets(), rounded, own.state()), before);
        }
    }
}
