package dev.gust.formats.codec;

import static dev.gust.formats.codec.CodeLanes.CODES;
import static dev.gust.formats.codec.CodeLanes.LENGTH;

import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorOperators;

/**
 * Decodes 4-bit codes by a table that stays in a register: one permutation where {@link NarrowFloatLanes} has a dozen
 * instructions. In lanes of {@link CodeLanes}'s shape, for use inside other kernels' loops.
 */
public final class TableLanes {
    /** The 16 values of E2M1 where that many lanes fit, else the 8 magnitudes. */
    private static final IntVector E2M1 = e2m1();

    private TableLanes() {}

    /**
     * Values of E2M1 codes, exactly: {@code FloatFormat.E2M1.decode(code)} in each lane.
     *
     * @param codes in the low 4 bits of each lane; the others are ignored
     */
    public static FloatVector decodeE2M1(IntVector codes) {
        if (LENGTH == 16) {
            return codes.selectFrom(E2M1).reinterpretAsFloats(); // an index counts modulo the lanes
        }
        if (LENGTH == 8) {
            IntVector sign = codes.and(8).lanewise(VectorOperators.LSHL, 28);
            return codes.selectFrom(E2M1).or(sign).reinterpretAsFloats();
        }
        return NarrowFloatLanes.E2M1.decode(codes);
    }

    private static IntVector e2m1() {
        int[] bits = new int[16];
        for (int code = 0; code < bits.length; code++) {
            bits[code] = Float.floatToRawIntBits(FloatFormat.E2M1.decode(code));
        }
        return IntVector.fromArray(CODES, bits, 0);
    }
}
