package dev.gust.formats.codec;

import static dev.gust.formats.codec.CodeLanes.CODES;
import static dev.gust.formats.codec.CodeLanes.LENGTH;
import static dev.gust.formats.codec.CodeLanes.loadFloats;
import static dev.gust.formats.codec.CodeLanes.storeFloats;
import static dev.gust.formats.codec.IntegerLanes.decode;
import static dev.gust.formats.codec.IntegerLanes.encode;
import static dev.gust.formats.codec.IntegerLanes.signExtend;

import java.lang.foreign.MemorySegment;
import java.nio.ByteOrder;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorOperators;

/** The bulk loops of the codecs for integers of at most 32 bits, over whole vectors; see {@link FloatLoops}. */
final class IntegerLoops {
    private IntegerLoops() {}

    static void encodeI4(MemorySegment floats, long from, MemorySegment stored, long to, long count) {
        for (long i = 0; i < count; i += LENGTH) {
            IntVector codes = encode(loadFloats(floats, from + 4 * i), -8, 7).and(0xf);
            CodeLanes.storeNibbles(codes, stored, to + i / 2);
        }
    }

    static void decodeI4(MemorySegment stored, long from, MemorySegment floats, long to, long count) {
        for (long i = 0; i < count; i += LENGTH) {
            IntVector codes = signExtend(CodeLanes.loadNibblesLoosely(stored, from + i / 2), 4);
            storeFloats(decode(codes), floats, to + 4 * i);
        }
    }

    static void encodeI8(MemorySegment floats, long from, MemorySegment stored, long to, long count) {
        for (long i = 0; i < count; i += LENGTH) {
            IntVector codes = encode(loadFloats(floats, from + 4 * i), Byte.MIN_VALUE, Byte.MAX_VALUE);
            CodeLanes.storeBytes(codes, stored, to + i);
        }
    }

    static void decodeI8(MemorySegment stored, long from, MemorySegment floats, long to, long count) {
        for (long i = 0; i < count; i += LENGTH) {
            IntVector codes = signExtend(CodeLanes.loadBytes(stored, from + i), 8);
            storeFloats(decode(codes), floats, to + 4 * i);
        }
    }

    static void encodeU8(MemorySegment floats, long from, MemorySegment stored, long to, long count) {
        for (long i = 0; i < count; i += LENGTH) {
            CodeLanes.storeBytes(encode(loadFloats(floats, from + 4 * i), 0, 0xff), stored, to + i);
        }
    }

    static void decodeU8(MemorySegment stored, long from, MemorySegment floats, long to, long count) {
        for (long i = 0; i < count; i += LENGTH) {
            storeFloats(decode(CodeLanes.loadBytes(stored, from + i)), floats, to + 4 * i);
        }
    }

    static void encodeBool(MemorySegment floats, long from, MemorySegment stored, long to, long count) {
        for (long i = 0; i < count; i += LENGTH) {
            FloatVector x = loadFloats(floats, from + 4 * i);
            IntVector codes = IntVector.zero(CODES)
                    .blend(1, x.compare(VectorOperators.NE, 0).cast(CODES));
            CodeLanes.storeBytes(codes, stored, to + i);
        }
    }

    static void decodeBool(MemorySegment stored, long from, MemorySegment floats, long to, long count) {
        for (long i = 0; i < count; i += LENGTH) {
            // Any byte but 0 is true.
            IntVector codes = CodeLanes.loadBytes(stored, from + i).min(1);
            storeFloats(decode(codes), floats, to + 4 * i);
        }
    }

    static void encodeI16(MemorySegment floats, long from, MemorySegment stored, long to, long count) {
        for (long i = 0; i < count; i += LENGTH) {
            IntVector codes = encode(loadFloats(floats, from + 4 * i), Short.MIN_VALUE, Short.MAX_VALUE);
            CodeLanes.storeShorts(codes, stored, to + 2 * i);
        }
    }

    static void decodeI16(MemorySegment stored, long from, MemorySegment floats, long to, long count) {
        for (long i = 0; i < count; i += LENGTH) {
            IntVector codes = signExtend(CodeLanes.loadShorts(stored, from + 2 * i), 16);
            storeFloats(decode(codes), floats, to + 4 * i);
        }
    }

    static void encodeU16(MemorySegment floats, long from, MemorySegment stored, long to, long count) {
        for (long i = 0; i < count; i += LENGTH) {
            CodeLanes.storeShorts(encode(loadFloats(floats, from + 4 * i), 0, 0xffff), stored, to + 2 * i);
        }
    }

    static void decodeU16(MemorySegment stored, long from, MemorySegment floats, long to, long count) {
        for (long i = 0; i < count; i += LENGTH) {
            storeFloats(decode(CodeLanes.loadShorts(stored, from + 2 * i)), floats, to + 4 * i);
        }
    }

    static void decodeI32(MemorySegment stored, long from, MemorySegment floats, long to, long count) {
        for (long i = 0; i < count; i += LENGTH) {
            IntVector codes = IntVector.fromMemorySegment(CODES, stored, from + 4 * i, ByteOrder.LITTLE_ENDIAN);
            storeFloats(decode(codes), floats, to + 4 * i);
        }
    }
}
