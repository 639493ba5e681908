package dev.gust.runtime.logits;

import dev.gust.runtime.device.HostProcessor;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import jdk.incubator.vector.ByteVector;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.ShortVector;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorShape;
import jdk.incubator.vector.VectorSpecies;

/**
 * Looks up 64 codes at a time: a table of 256 bytes is four vectors, and two selections of bytes from two vectors each
 * find all entries (the idea of Bolt, Blalock and Guttag 2017, and of FAISS's fast scan, which have tables of 16).
 */
final class CodeLanes {
    /**
     * Whether this machine looks up codes here: vectors hold 64 bytes, and selecting bytes from two of them is an
     * instruction (vpermi2b), without which Java does it byte by byte.
     */
    static final boolean FIT = VectorShape.preferredShape().vectorBitSize() == 512 && HostProcessor.has("avx512vbmi");

    /** More codes to a token than that could overflow its sum of 16 bits. */
    static final int MOST_CODES = 0xFFFF / CodeTables.MOST;

    private static final VectorSpecies<Byte> B = ByteVector.SPECIES_512;
    private static final VectorSpecies<Short> S = ShortVector.SPECIES_512;
    private static final int LANES = 64;
    private static final int TILE = TokenScores.TILE;

    private CodeLanes() {}

    /**
     * Codes by tiles of tokens and within a tile by codebooks; a tile's codes for a pair of codebooks, rounded up to a pair,
     * follow one another. Within 64, token i lies in byte 2i, and token 32 + i beside it.
     */
    static MemorySegment pack(int v, Screen.Codes screen, Arena arena) {
        int s = screen.s();
        int even = s + (s & 1);
        int tiles = Math.ceilDiv(v, TILE);
        MemorySegment packed = arena.allocate((long) tiles * TILE * even, 64);
        byte[] row = new byte[s];
        for (int token = 0; token < v; token++) {
            MemorySegment.copy(screen.codes(), ValueLayout.JAVA_BYTE, (long) token * s, row, 0, s);
            int within = token % TILE;
            int lane = within & 63;
            long at = (long) (token / TILE) * TILE * even + (within & ~63) + (lane < 32 ? 2 * lane : 2 * lane - 63);
            for (int j = 0; j < s; j++) {
                packed.set(ValueLayout.JAVA_BYTE, at + (long) j * TILE, row[j]);
            }
        }
        return packed;
    }

    /** Scores of a whole tile. */
    static void scores(MemorySegment codes, int s, int first, CodeTables.Rounded table, float[] to) {
        short[] sums = new short[TILE];
        int even = s + (s & 1);
        long tile = (long) first * even;
        byte[] bytes = table.bytes();
        for (int j = 0; j < s; j += 2) {
            addPair(codes, tile + (long) j * TILE, bytes, j * CodeTables.ENTRIES, sums);
        }
        restore(sums, table.offset(), table.step(), to);
    }

    private static void addPair(MemorySegment codes, long at, byte[] tables, int from, short[] sums) {
        ByteVector a0 = ByteVector.fromArray(B, tables, from);
        ByteVector a1 = ByteVector.fromArray(B, tables, from + 64);
        ByteVector a2 = ByteVector.fromArray(B, tables, from + 128);
        ByteVector a3 = ByteVector.fromArray(B, tables, from + 192);
        ByteVector b0 = ByteVector.fromArray(B, tables, from + 256);
        ByteVector b1 = ByteVector.fromArray(B, tables, from + 320);
        ByteVector b2 = ByteVector.fromArray(B, tables, from + 384);
        ByteVector b3 = ByteVector.fromArray(B, tables, from + 448);
        for (int i = 0; i < TILE; i += LANES) {
            ByteVector c = ByteVector.fromMemorySegment(B, codes, at + i, ByteOrder.LITTLE_ENDIAN);
            ByteVector e = ByteVector.fromMemorySegment(B, codes, at + TILE + i, ByteOrder.LITTLE_ENDIAN);
            ByteVector p = c.selectFrom(a0, a1).blend(c.selectFrom(a2, a3), c.lt((byte) 0));
            ByteVector q = e.selectFrom(b0, b1).blend(e.selectFrom(b2, b3), e.lt((byte) 0));
            ShortVector both = p.add(q).reinterpretAsShorts();
            ShortVector.fromArray(S, sums, i).add(both.and((short) 0xFF)).intoArray(sums, i);
            ShortVector.fromArray(S, sums, i + 32)
                    .add(both.lanewise(VectorOperators.LSHR, 8))
                    .intoArray(sums, i + 32);
        }
    }

    private static void restore(short[] sums, float offset, float step, float[] to) {
        FloatVector low = FloatVector.broadcast(FloatVector.SPECIES_512, offset);
        FloatVector scale = FloatVector.broadcast(FloatVector.SPECIES_512, step);
        for (int i = 0; i < TILE; i += 16) {
            IntVector wide = (IntVector) ShortVector.fromArray(ShortVector.SPECIES_256, sums, i)
                    .convertShape(VectorOperators.ZERO_EXTEND_S2I, IntVector.SPECIES_512, 0);
            FloatVector score = (FloatVector) wide.convertShape(VectorOperators.I2F, FloatVector.SPECIES_512, 0);
            score.fma(scale, low).intoArray(to, i);
        }
    }
}
