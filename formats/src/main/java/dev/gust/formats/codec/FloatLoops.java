package dev.gust.formats.codec;

import static dev.gust.formats.codec.CodeLanes.LENGTH;
import static dev.gust.formats.codec.CodeLanes.loadFloats;
import static dev.gust.formats.codec.CodeLanes.storeFloats;

import java.lang.foreign.MemorySegment;

/**
 * The bulk loops of the floating-point codecs, over whole vectors: one method for each format and direction, alike but
 * for the constants they name. A single loop that took the format as a parameter would be a quarter as fast: only
 * constants let the JIT compiler drop the branches on a format's properties and keep its masks in registers.
 */
final class FloatLoops {
    private FloatLoops() {}

    static void encodeE4M3FN(MemorySegment floats, long from, MemorySegment stored, long to, long count) {
        for (long i = 0; i < count; i += LENGTH) {
            CodeLanes.storeBytes(NarrowFloatLanes.E4M3FN.encode(loadFloats(floats, from + 4 * i)), stored, to + i);
        }
    }

    static void decodeE4M3FN(MemorySegment stored, long from, MemorySegment floats, long to, long count) {
        for (long i = 0; i < count; i += LENGTH) {
            storeFloats(NarrowFloatLanes.E4M3FN.decode(CodeLanes.loadBytes(stored, from + i)), floats, to + 4 * i);
        }
    }

    static void encodeE5M2(MemorySegment floats, long from, MemorySegment stored, long to, long count) {
        for (long i = 0; i < count; i += LENGTH) {
            CodeLanes.storeBytes(NarrowFloatLanes.E5M2.encode(loadFloats(floats, from + 4 * i)), stored, to + i);
        }
    }

    static void decodeE5M2(MemorySegment stored, long from, MemorySegment floats, long to, long count) {
        for (long i = 0; i < count; i += LENGTH) {
            storeFloats(NarrowFloatLanes.E5M2.decode(CodeLanes.loadBytes(stored, from + i)), floats, to + 4 * i);
        }
    }

    static void encodeE4M3FNUZ(MemorySegment floats, long from, MemorySegment stored, long to, long count) {
        for (long i = 0; i < count; i += LENGTH) {
            CodeLanes.storeBytes(NarrowFloatLanes.E4M3FNUZ.encode(loadFloats(floats, from + 4 * i)), stored, to + i);
        }
    }

    static void decodeE4M3FNUZ(MemorySegment stored, long from, MemorySegment floats, long to, long count) {
        for (long i = 0; i < count; i += LENGTH) {
            storeFloats(NarrowFloatLanes.E4M3FNUZ.decode(CodeLanes.loadBytes(stored, from + i)), floats, to + 4 * i);
        }
    }

    static void encodeE5M2FNUZ(MemorySegment floats, long from, MemorySegment stored, long to, long count) {
        for (long i = 0; i < count; i += LENGTH) {
            CodeLanes.storeBytes(NarrowFloatLanes.E5M2FNUZ.encode(loadFloats(floats, from + 4 * i)), stored, to + i);
        }
    }

    static void decodeE5M2FNUZ(MemorySegment stored, long from, MemorySegment floats, long to, long count) {
        for (long i = 0; i < count; i += LENGTH) {
            storeFloats(NarrowFloatLanes.E5M2FNUZ.decode(CodeLanes.loadBytes(stored, from + i)), floats, to + 4 * i);
        }
    }

    static void encodeE8M0(MemorySegment floats, long from, MemorySegment stored, long to, long count) {
        for (long i = 0; i < count; i += LENGTH) {
            CodeLanes.storeBytes(E8M0Lanes.encode(loadFloats(floats, from + 4 * i)), stored, to + i);
        }
    }

    static void decodeE8M0(MemorySegment stored, long from, MemorySegment floats, long to, long count) {
        for (long i = 0; i < count; i += LENGTH) {
            storeFloats(E8M0Lanes.decode(CodeLanes.loadBytes(stored, from + i)), floats, to + 4 * i);
        }
    }

    static void encodeE2M3(MemorySegment floats, long from, MemorySegment stored, long to, long count) {
        for (long i = 0; i < count; i += LENGTH) {
            CodeLanes.storeSixBits(
                    NarrowFloatLanes.E2M3.encode(loadFloats(floats, from + 4 * i)), stored, to + i / 4 * 3);
        }
    }

    static void decodeE2M3(MemorySegment stored, long from, MemorySegment floats, long to, long count) {
        for (long i = 0; i < count; i += LENGTH) {
            storeFloats(
                    NarrowFloatLanes.E2M3.decode(CodeLanes.loadSixBitsLoosely(stored, from + i / 4 * 3)),
                    floats,
                    to + 4 * i);
        }
    }

    static void encodeE3M2(MemorySegment floats, long from, MemorySegment stored, long to, long count) {
        for (long i = 0; i < count; i += LENGTH) {
            CodeLanes.storeSixBits(
                    NarrowFloatLanes.E3M2.encode(loadFloats(floats, from + 4 * i)), stored, to + i / 4 * 3);
        }
    }

    static void decodeE3M2(MemorySegment stored, long from, MemorySegment floats, long to, long count) {
        for (long i = 0; i < count; i += LENGTH) {
            storeFloats(
                    NarrowFloatLanes.E3M2.decode(CodeLanes.loadSixBitsLoosely(stored, from + i / 4 * 3)),
                    floats,
                    to + 4 * i);
        }
    }

    static void encodeE2M1(MemorySegment floats, long from, MemorySegment stored, long to, long count) {
        for (long i = 0; i < count; i += LENGTH) {
            CodeLanes.storeNibbles(NarrowFloatLanes.E2M1.encode(loadFloats(floats, from + 4 * i)), stored, to + i / 2);
        }
    }

    static void decodeE2M1(MemorySegment stored, long from, MemorySegment floats, long to, long count) {
        for (long i = 0; i < count; i += LENGTH) {
            storeFloats(TableLanes.decodeE2M1(CodeLanes.loadNibblesLoosely(stored, from + i / 2)), floats, to + 4 * i);
        }
    }

    static void encodeF16(MemorySegment floats, long from, MemorySegment stored, long to, long count) {
        for (long i = 0; i < count; i += LENGTH) {
            CodeLanes.storeShorts(
                    NarrowFloatLanes.F16.encodeOverflowing(loadFloats(floats, from + 4 * i)), stored, to + 2 * i);
        }
    }

    static void decodeF16(MemorySegment stored, long from, MemorySegment floats, long to, long count) {
        for (long i = 0; i < count; i += LENGTH) {
            storeFloats(NarrowFloatLanes.F16.decode(CodeLanes.loadShorts(stored, from + 2 * i)), floats, to + 4 * i);
        }
    }

    static void encodeBF16(MemorySegment floats, long from, MemorySegment stored, long to, long count) {
        for (long i = 0; i < count; i += LENGTH) {
            CodeLanes.storeShorts(BFloat16Lanes.encode(loadFloats(floats, from + 4 * i)), stored, to + 2 * i);
        }
    }

    static void decodeBF16(MemorySegment stored, long from, MemorySegment floats, long to, long count) {
        for (long i = 0; i < count; i += LENGTH) {
            storeFloats(BFloat16Lanes.decode(CodeLanes.loadShorts(stored, from + 2 * i)), floats, to + 4 * i);
        }
    }
}
