package dev.gust.runtime.logits;

import dev.gust.formats.InputException;
import dev.gust.formats.codec.Codecs;
import dev.gust.formats.tensor.DType;
import dev.gust.runtime.featuremap.FiniteValues;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.Optional;

/** Checks what a head holds before anything is computed with it, so that no kernel reads beyond its arrays. */
record HeadCheck(String where, int v, int d) {
    private static final String REMEDY = "write the head again with gust vqhead";

    /** Kernels count elements in ints, and a hidden state is far from this. */
    private static final int WIDEST = 1 << 20;

    private static final int MOST_ENTRIES = 256;

    /** Numbers that are decoded at a time to be looked at. */
    private static final int BLOCK = 1 << 14;

    private static final ValueLayout.OfInt I32 = ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

    void check(DType type, MemorySegment weight, Optional<MemorySegment> bias, Screen screen) {
        if (v < 1 || d < 1 || d > WIDEST) {
            throw bad("weight", "is [" + v + ", " + d + "]", "give it at least one row and column");
        }
        if (type != DType.F32 && type != DType.F16 && type != DType.BF16) {
            throw bad("weight", "is stored as " + type, "store it as F32, F16 or BF16");
        }
        size("weight", weight, type.byteSize((long) v * d));
        finite("weight", type, weight);
        bias.ifPresent(b -> {
            size("bias", b, 4L * v);
            finite("bias", DType.F32, b);
        });
        switch (screen) {
            case Screen.None() -> {}
            case Screen.Clusters c -> clusters(c);
            case Screen.Codes c -> codes(c);
            case Screen.Int4 i -> int4(i);
            case Screen.LowRank l -> {
                if (l.r() < 1 || l.r() > WIDEST) {
                    throw bad("factor_a", "has rank " + l.r(), REMEDY);
                }
                size("factor_a", l.a(), 4L * v * l.r());
                size("factor_b", l.b(), 4L * l.r() * d);
                finite("factor_a", DType.F32, l.a());
                finite("factor_b", DType.F32, l.b());
            }
        }
    }

    private void clusters(Screen.Clusters c) {
        if (c.k() < 1) {
            throw bad("centroids", "has no rows", REMEDY);
        }
        size("centroids", c.centroids(), 4L * c.k() * d);
        size("assignments", c.assignments(), 4L * v);
        finite("centroids", DType.F32, c.centroids());
        for (long i = 0; i < v; i++) {
            int cluster = c.assignments().get(I32, 4 * i);
            if (cluster < 0 || cluster >= c.k()) {
                throw bad(
                        "assignments",
                        "puts token " + i + " into cluster " + cluster + " of " + c.k() + " centroids",
                        REMEDY);
            }
        }
    }

    private void codes(Screen.Codes c) {
        if (c.s() < 1 || c.c() < 1 || c.c() > MOST_ENTRIES || c.w() < 1) {
            throw bad("codebooks", "is [" + c.s() + ", " + c.c() + ", " + c.w() + "]", "at most 256 entries of a byte");
        }
        int width = c.residual() ? d : Math.ceilDiv(d, c.s());
        if (c.w() != width) {
            throw bad("codebooks", "has entries of " + c.w() + " columns", c.s() + " codes to a row take " + width);
        }
        size("codebooks", c.codebooks(), 4L * c.s() * c.c() * c.w());
        size("codes", c.codes(), (long) v * c.s());
        finite("codebooks", DType.F32, c.codebooks());
        for (long i = 0; c.c() < MOST_ENTRIES && i < c.codes().byteSize(); i++) {
            int code = c.codes().get(ValueLayout.JAVA_BYTE, i) & 0xFF;
            if (code >= c.c()) {
                throw bad("codes", "names entry " + code + " of " + c.c() + " for token " + i / c.s(), REMEDY);
            }
        }
    }

    private void int4(Screen.Int4 i) {
        int width = Math.ceilDiv(d, Screen.Int4.BLOCK) * Screen.Int4.BLOCK;
        if (i.width() != width) {
            throw bad("codes", "has rows of " + i.width() + " columns", d + " columns are rounded up to " + width);
        }
        size("codes", i.codes(), (long) v * width / 2);
        size("scales", i.scales(), 2L * v * width / Screen.Int4.BLOCK);
        finite("scales", DType.F16, i.scales());
    }

    private void size(String tensor, MemorySegment data, long bytes) {
        if (data.byteSize() != bytes) {
            throw bad(
                    tensor,
                    "has " + data.byteSize() + " bytes, not the " + bytes + " that go with a weight [" + v + ", " + d
                            + "]",
                    REMEDY);
        }
    }

    private void finite(String tensor, DType type, MemorySegment data) {
        if (type == DType.F32) {
            FiniteValues.require(where, tensor, data);
            return;
        }
        var codec = Codecs.of(type).orElseThrow();
        long count = data.byteSize() / 2;
        MemorySegment floats = MemorySegment.ofArray(new float[(int) Math.min(count, BLOCK)]);
        for (long first = 0; first < count; first += BLOCK) {
            long length = Math.min(BLOCK, count - first);
            codec.decode(data, 2 * first, floats, 0, length);
            FiniteValues.require(where, tensor, floats.asSlice(0, 4 * length));
        }
    }

    private InputException bad(String tensor, String reason, String remedy) {
        return InputException.ofTensor(where, tensor, reason, remedy);
    }
}
