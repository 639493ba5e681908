package dev.gust.runtime.logits;

import java.lang.foreign.MemorySegment;
import java.nio.ByteOrder;
import java.util.Arrays;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.ShortVector;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorShape;
import jdk.incubator.vector.VectorSpecies;

/**
 * Sums of products with codes of 4 bits, 32 tokens at a time. A tile's codes are blocks of 32 columns, of these words of four
 * columns, and of these one word of 16 bits for each token of the tile.
 */
final class NibbleLanes {
    /** Whether this machine is fast at it: vectors hold 64 bytes. */
    static final boolean FIT = VectorShape.preferredShape().vectorBitSize() == 512;

    private static final VectorSpecies<Short> S = ShortVector.SPECIES_512;
    private static final VectorSpecies<Short> HALF = ShortVector.SPECIES_256;
    private static final VectorSpecies<Integer> I = IntVector.SPECIES_512;
    private static final VectorSpecies<Float> F = FloatVector.SPECIES_512;
    private static final int TILE = TokenScores.TILE;

    /** Words of a block's columns. */
    private static final int WORDS = Screen.Int4.BLOCK / 4;

    /** Bytes of a tile's codes in one block. */
    static final long BLOCK_BYTES = (long) WORDS * TILE * Short.BYTES;

    private NibbleLanes() {}

    /** Where a token's word of four columns lies, counted from a tile's first block. */
    static long place(int firstBlock, int word, int token) {
        return (((long) firstBlock * WORDS + word) * TILE + token) * Short.BYTES;
    }

    /** Scores of a whole tile. */
    static void scores(
            MemorySegment codes, MemorySegment scales, int tile, int blocks, NibbleScores.Rounded h, float[] to) {
        short[] sums = new short[TILE];
        Arrays.fill(to, 0, TILE, 0);
        for (int block = 0; block < blocks; block++) {
            Arrays.fill(sums, (short) 0);
            long at = ((long) tile * blocks + block) * BLOCK_BYTES;
            for (int word = 0; word < WORDS; word += 2) {
                add(codes, at + place(0, word, 0), h.units(), block * Screen.Int4.BLOCK + 4 * word, sums);
            }
            long scale = ((long) tile * blocks + block) * TILE * Short.BYTES;
            restore(sums, scales, scale, h.offsets()[block], h.steps()[block], to);
        }
    }

    /** Adds the products of eight columns. */
    private static void add(MemorySegment codes, long at, short[] units, int from, short[] sums) {
        ShortVector h0 = ShortVector.broadcast(S, units[from]);
        ShortVector h1 = ShortVector.broadcast(S, units[from + 1]);
        ShortVector h2 = ShortVector.broadcast(S, units[from + 2]);
        ShortVector h3 = ShortVector.broadcast(S, units[from + 3]);
        ShortVector h4 = ShortVector.broadcast(S, units[from + 4]);
        ShortVector h5 = ShortVector.broadcast(S, units[from + 5]);
        ShortVector h6 = ShortVector.broadcast(S, units[from + 6]);
        ShortVector h7 = ShortVector.broadcast(S, units[from + 7]);
        for (int i = 0; i < TILE; i += S.length()) {
            ShortVector a = ShortVector.fromMemorySegment(S, codes, at + 2L * i, ByteOrder.LITTLE_ENDIAN);
            ShortVector b = ShortVector.fromMemorySegment(S, codes, at + 2L * (TILE + i), ByteOrder.LITTLE_ENDIAN);
            ShortVector left = a.and((short) 15)
                    .mul(h0)
                    .add(a.lanewise(VectorOperators.LSHR, 4).and((short) 15).mul(h1));
            ShortVector right = a.lanewise(VectorOperators.LSHR, 8)
                    .and((short) 15)
                    .mul(h2)
                    .add(a.lanewise(VectorOperators.LSHR, 12).mul(h3));
            left = left.add(b.and((short) 15).mul(h4))
                    .add(b.lanewise(VectorOperators.LSHR, 4).and((short) 15).mul(h5));
            right = right.add(
                            b.lanewise(VectorOperators.LSHR, 8).and((short) 15).mul(h6))
                    .add(b.lanewise(VectorOperators.LSHR, 12).mul(h7));
            ShortVector.fromArray(S, sums, i).add(left.add(right)).intoArray(sums, i);
        }
    }

    /** Adds a block's sums, times its scales. */
    private static void restore(short[] sums, MemorySegment scales, long at, int offset, float step, float[] to) {
        // Bits of a float16, put where a float32 has its own, are its value times 2^-112.
        FloatVector lift = FloatVector.broadcast(F, 0x1p112f);
        FloatVector worth = FloatVector.broadcast(F, step);
        for (int i = 0; i < TILE; i += F.length()) {
            IntVector sum = ((IntVector) ShortVector.fromArray(HALF, sums, i).convertShape(VectorOperators.S2I, I, 0))
                    .add(offset);
            IntVector bits = ((IntVector)
                            ShortVector.fromMemorySegment(HALF, scales, at + 2L * i, ByteOrder.LITTLE_ENDIAN)
                                    .convertShape(VectorOperators.S2I, I, 0))
                    .lanewise(VectorOperators.LSHL, 13)
                    .and(0x8FFFE000);
            FloatVector scale = bits.reinterpretAsFloats().mul(lift).mul(worth);
            FloatVector exact = (FloatVector) sum.convertShape(VectorOperators.I2F, F, 0);
            exact.fma(scale, FloatVector.fromArray(F, to, i)).intoArray(to, i);
        }
    }
}
