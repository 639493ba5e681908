package dev.gust.quantization.calibration;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.gust.formats.InputException;
import dev.gust.runtime.jvm.JvmDevice;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;

class GramSumTest {
    @Test
    void sumsInFloat64WhateverTheThreads() {
        var random = new SplittableRandom(3);
        try (var device = new JvmDevice();
                Arena arena = Arena.ofShared()) {
            device.threads(4);
            for (int columns : new int[] {1, 7, 16, 33, 70}) {
                var one = new GramSum(columns);
                var four = new GramSum(columns);
                double[][] expected = new double[columns][columns];
                float[] greatest = new float[columns];
                long count = 0;
                for (int tokens : new int[] {1, 5, 64, 0, 101}) {
                    MemorySegment x = arena.allocate(4L * Math.max(1, tokens * columns), 64);
                    for (int t = 0; t < tokens; t++) {
                        float[] row = new float[columns];
                        for (int c = 0; c < columns; c++) {
                            row[c] = (float) random.nextGaussian() * (c == 0 ? 1e4f : 1);
                            x.setAtIndex(ValueLayout.JAVA_FLOAT, t * columns + c, row[c]);
                            greatest[c] = Math.max(greatest[c], Math.abs(row[c]));
                        }
                        for (int i = 0; i < columns; i++) {
                            for (int j = 0; j < columns; j++) {
                                expected[i][j] += (double) row[i] * row[j];
                            }
                        }
                    }
                    one.add("model", "layer", x, tokens, device, 1);
                    four.add("model", "layer", x, tokens, device, 4);
                    count += tokens;
                }
                MemorySegment gram = arena.allocate(4L * columns * columns, 64);
                MemorySegment other = arena.allocate(4L * columns * columns, 64);
                one.storeGram(gram);
                four.storeGram(other);
                assertThat(gram.mismatch(other)).isEqualTo(-1);
                assertThat(one.count()).isEqualTo(count);
                for (int i = 0; i < columns * columns; i++) {
                    double exact = expected[i / columns][i % columns];
                    double scale = Math.sqrt(expected[i / columns][i / columns] * expected[i % columns][i % columns]);
                    // One rounding to float32; sums themselves are good to 1e-13.
                    assertThat(Math.abs(gram.getAtIndex(ValueLayout.JAVA_FLOAT, i) - exact))
                            .isLessThanOrEqualTo(6e-8 * Math.abs(exact) + 1e-13 * scale);
                }
                one.storeGreatest(other);
                assertThat(other.asSlice(0, 4L * columns).toArray(ValueLayout.JAVA_FLOAT))
                        .isEqualTo(greatest);
            }
        }
    }

    @Test
    void whatIsNotFiniteIsRefused() {
        for (float bad : new float[] {Float.NaN, Float.POSITIVE_INFINITY, Float.NEGATIVE_INFINITY}) {
            try (var device = new JvmDevice();
                    Arena arena = Arena.ofShared()) {
                MemorySegment x = arena.allocateFrom(ValueLayout.JAVA_FLOAT, 1, 2, 3, 4, bad, 6);
                assertThatThrownBy(() -> new GramSum(3).add("some/model", "a.layer", x, 2, device, 1))
                        .isInstanceOf(InputException.class)
                        .hasMessageContaining("some/model")
                        .hasMessageContaining("a.layer")
                        .hasMessageContaining("channel 1");
            }
        }
    }
}
