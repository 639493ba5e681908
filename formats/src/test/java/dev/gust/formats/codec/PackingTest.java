package dev.gust.formats.codec;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.math.BigInteger;
import java.nio.ByteOrder;
import java.util.Arrays;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class PackingTest {
    private static final int[] COUNTS = {0, 1, 2, 3, 5, 7, 8, 9, 10, 11, 15, 16, 17, 31, 32, 33, 63, 65, 255, 1000, 1001
    };
    private static final byte UNTOUCHED = 0x5a;

    @ParameterizedTest
    @ValueSource(ints = {1, 2, 3, 4, 5, 6, 7, 8})
    void denseIsOneLongNumberFromTheLowestBit(int bits) {
        var random = new Random(bits);
        for (int count : COUNTS) {
            byte[] codes = new byte[count + 3];
            random.nextBytes(codes);
            int size = (int) Packing.denseBytes(bits, count);
            byte[] packed = new byte[size + 12];
            Arrays.fill(packed, UNTOUCHED);
            Packing.pack(bits, MemorySegment.ofArray(codes), 3, MemorySegment.ofArray(packed), 1, count);

            var number = BigInteger.ZERO;
            int mask = (1 << bits) - 1;
            for (int i = 0; i < count; i++) {
                number = number.or(BigInteger.valueOf(codes[3 + i] & mask).shiftLeft(i * bits));
            }
            byte[] expected = new byte[packed.length];
            Arrays.fill(expected, UNTOUCHED);
            for (int i = 0; i < size; i++) {
                expected[1 + i] = number.shiftRight(8 * i).byteValue();
            }
            assertThat(packed).as("%d codes", count).isEqualTo(expected);

            byte[] back = new byte[count + 9];
            Arrays.fill(back, UNTOUCHED);
            // In a segment that ends with the last packed byte: unpacking must not read past it.
            MemorySegment exact = MemorySegment.ofArray(packed).asSlice(0, 1 + size);
            Packing.unpack(bits, exact, 1, MemorySegment.ofArray(back), 5, count);
            for (int i = 0; i < back.length; i++) {
                boolean inside = i >= 5 && i < 5 + count;
                assertThat(back[i]).isEqualTo(inside ? (byte) (codes[i - 2] & mask) : UNTOUCHED);
            }
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 2, 3, 4, 5, 6, 7, 8})
    void int32WordsHoldOffsetValues(int bits) {
        var random = new Random(100 + bits);
        int half = 1 << (bits - 1);
        for (int count : COUNTS) {
            byte[] values = new byte[count];
            for (int i = 0; i < count; i++) {
                values[i] = (byte) random.nextInt(-half, half);
            }
            int size = (int) Packing.int32Bytes(bits, count);
            byte[] words = new byte[size + 2];
            Arrays.fill(words, UNTOUCHED);
            MemorySegment packed = MemorySegment.ofArray(words);
            Packing.packToInt32(bits, MemorySegment.ofArray(values), 0, packed, 1, count);
            assertThat(words[0]).isEqualTo(UNTOUCHED);
            assertThat(words[size + 1]).isEqualTo(UNTOUCHED);

            var layout = ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
            for (int i = 0; i < size * 8 / bits; i++) {
                int unsigned = 0;
                for (int b = 0; b < bits; b++) {
                    int position = i * bits + b;
                    int word = packed.get(layout, 1 + position / 32 * 4);
                    unsigned |= (word >>> (position % 32) & 1) << b;
                }
                assertThat(unsigned).isEqualTo(i < count ? values[i] + half : 0);
            }
            byte[] back = new byte[count];
            Packing.unpackFromInt32(bits, packed, 1, MemorySegment.ofArray(back), 0, count);
            assertThat(back).isEqualTo(values);
        }
    }

    /** Eleven 3-bit values fill 33 bits: the last one's top bit lies in the second word. */
    @Test
    void threeBitValuesStraddleWords() {
        byte[] values = new byte[11];
        values[10] = 3;
        MemorySegment words = MemorySegment.ofArray(new int[2]);
        Packing.packToInt32(3, MemorySegment.ofArray(values), 0, words, 0, 11);
        // Ten times 4 (0 + 4) and then 7: 100 100 … in the low 30 bits, 111 across bits 30 to 32.
        assertThat(words.toArray(ValueLayout.JAVA_INT)).containsExactly(04444444444 | 3 << 30, 1);
    }

    @ParameterizedTest
    @ValueSource(ints = {2, 6, 16, 32, 64, 70})
    void splitHalvesPairElementsHalfABlockApart(int block) {
        var random = new Random(block);
        int count = 5 * block;
        byte[] codes = new byte[count];
        for (int i = 0; i < count; i++) {
            codes[i] = (byte) random.nextInt(16);
        }
        byte[] packed = new byte[count / 2];
        Packing.packSplitHalf(block, MemorySegment.ofArray(codes), 0, MemorySegment.ofArray(packed), 0, count);
        for (int b = 0; b < 5; b++) {
            for (int j = 0; j < block / 2; j++) {
                int expected = codes[b * block + j] | codes[b * block + j + block / 2] << 4;
                assertThat(packed[b * block / 2 + j]).isEqualTo((byte) expected);
            }
        }
        byte[] back = new byte[count];
        Packing.unpackSplitHalf(block, MemorySegment.ofArray(packed), 0, MemorySegment.ofArray(back), 0, count);
        assertThat(back).isEqualTo(codes);
    }

    @Test
    void nibblesAreEvenThenOdd() {
        byte[] packed = new byte[2];
        Packing.pack(4, MemorySegment.ofArray(new byte[] {1, 2, 3}), 0, MemorySegment.ofArray(packed), 0, 3);
        assertThat(packed).containsExactly(0x21, 0x03);
    }

    @Test
    void refusesWhatCannotBePacked() {
        MemorySegment memory = MemorySegment.ofArray(new byte[64]);
        assertThatIllegalArgumentException().isThrownBy(() -> Packing.pack(9, memory, 0, memory, 32, 8));
        assertThatIllegalArgumentException().isThrownBy(() -> Packing.denseBytes(0, 8));
        assertThatIllegalArgumentException().isThrownBy(() -> Packing.packSplitHalf(32, memory, 0, memory, 32, 33));
        assertThatIllegalArgumentException().isThrownBy(() -> Packing.unpackSplitHalf(3, memory, 0, memory, 32, 6));
        assertThatExceptionOfType(ArithmeticException.class)
                .isThrownBy(() -> Packing.denseBytes(8, Long.MAX_VALUE / 2));
    }
}
