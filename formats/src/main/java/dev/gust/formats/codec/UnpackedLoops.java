package dev.gust.formats.codec;

import static dev.gust.formats.codec.CodeLanes.LENGTH;
import static dev.gust.formats.codec.CodeLanes.loadBytes;
import static dev.gust.formats.codec.CodeLanes.loadFloats;
import static dev.gust.formats.codec.CodeLanes.storeBytes;
import static dev.gust.formats.codec.CodeLanes.storeFloats;
import static dev.gust.formats.codec.CodeLanes.storeShorts;

import java.lang.foreign.MemorySegment;

/**
 * The bulk loops that {@link FloatLoops} has not, over whole vectors: types narrower than a byte with each code in a
 * byte, and the way of handling overflow that is not the type's usual one. One for each format, for the same reason.
 */
final class UnpackedLoops {
    private UnpackedLoops() {}

    static void encodeE2M3(MemorySegment floats, long from, MemorySegment codes, long to, long count) {
        for (long i = 0; i < count; i += LENGTH) {
            storeBytes(NarrowFloatLanes.E2M3.encode(loadFloats(floats, from + 4 * i)), codes, to + i);
        }
    }

    static void decodeE2M3(MemorySegment codes, long from, MemorySegment floats, long to, long count) {
        for (long i = 0; i < count; i += LENGTH) {
            storeFloats(NarrowFloatLanes.E2M3.decode(loadBytes(codes, from + i)), floats, to + 4 * i);
        }
    }

    static void encodeE3M2(MemorySegment floats, long from, MemorySegment codes, long to, long count) {
        for (long i = 0; i < count; i += LENGTH) {
            storeBytes(NarrowFloatLanes.E3M2.encode(loadFloats(floats, from + 4 * i)), codes, to + i);
        }
    }

    static void decodeE3M2(MemorySegment codes, long from, MemorySegment floats, long to, long count) {
        for (long i = 0; i < count; i += LENGTH) {
            storeFloats(NarrowFloatLanes.E3M2.decode(loadBytes(codes, from + i)), floats, to + 4 * i);
        }
    }

    static void encodeE2M1(MemorySegment floats, long from, MemorySegment codes, long to, long count) {
        for (long i = 0; i < count; i += LENGTH) {
            storeBytes(NarrowFloatLanes.E2M1.encode(loadFloats(floats, from + 4 * i)), codes, to + i);
        }
    }

    static void decodeE2M1(MemorySegment codes, long from, MemorySegment floats, long to, long count) {
        for (long i = 0; i < count; i += LENGTH) {
            storeFloats(NarrowFloatLanes.E2M1.decode(loadBytes(codes, from + i)), floats, to + 4 * i);
        }
    }

    static void overflowE4M3FN(MemorySegment floats, long from, MemorySegment codes, long to, long count) {
        for (long i = 0; i < count; i += LENGTH) {
            storeBytes(NarrowFloatLanes.E4M3FN.encodeOverflowing(loadFloats(floats, from + 4 * i)), codes, to + i);
        }
    }

    static void overflowE5M2(MemorySegment floats, long from, MemorySegment codes, long to, long count) {
        for (long i = 0; i < count; i += LENGTH) {
            storeBytes(NarrowFloatLanes.E5M2.encodeOverflowing(loadFloats(floats, from + 4 * i)), codes, to + i);
        }
    }

    static void overflowE4M3FNUZ(MemorySegment floats, long from, MemorySegment codes, long to, long count) {
        for (long i = 0; i < count; i += LENGTH) {
            storeBytes(NarrowFloatLanes.E4M3FNUZ.encodeOverflowing(loadFloats(floats, from + 4 * i)), codes, to + i);
        }
    }

    static void overflowE5M2FNUZ(MemorySegment floats, long from, MemorySegment codes, long to, long count) {
        for (long i = 0; i < count; i += LENGTH) {
            storeBytes(NarrowFloatLanes.E5M2FNUZ.encodeOverflowing(loadFloats(floats, from + 4 * i)), codes, to + i);
        }
    }

    static void overflowE8M0(MemorySegment floats, long from, MemorySegment codes, long to, long count) {
        for (long i = 0; i < count; i += LENGTH) {
            storeBytes(E8M0Lanes.encodeOverflowing(loadFloats(floats, from + 4 * i)), codes, to + i);
        }
    }

    static void saturateF16(MemorySegment floats, long from, MemorySegment codes, long to, long count) {
        for (long i = 0; i < count; i += LENGTH) {
            storeShorts(NarrowFloatLanes.F16.encode(loadFloats(floats, from + 4 * i)), codes, to + 2 * i);
        }
    }

    static void saturateBF16(MemorySegment floats, long from, MemorySegment codes, long to, long count) {
        for (long i = 0; i < count; i += LENGTH) {
            storeShorts(BFloat16Lanes.encodeSaturating(loadFloats(floats, from + 4 * i)), codes, to + 2 * i);
        }
    }
}
