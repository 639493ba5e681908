package dev.gust.benchmarks;

import dev.gust.formats.codec.Codecs;
import dev.gust.formats.codec.TensorCodec;
import dev.gust.formats.scheme.Part;
import dev.gust.formats.scheme.Quantizers;
import dev.gust.formats.scheme.ScaleRule;
import dev.gust.formats.scheme.WeightQuantizer;
import dev.gust.formats.tensor.DType;
import dev.gust.formats.tensor.Shape;
import dev.gust.runtime.matmul.MatmulForm;
import dev.gust.runtime.weight.LinearWeight;
import dev.gust.runtime.weight.NarrowCode;
import dev.gust.runtime.weight.ScaleType;
import dev.gust.runtime.weight.WeightFormat;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;

/**
 * Large weights in every stored form. Some hundred rows are quantized, and stand many times in the weight: devices do not
 * notice, and quantizing gigabytes takes minutes.
 */
final class SyntheticWeight {
    /** A multiple of the rows that share a scale in any form. */
    private static final int ROWS = 512;

    private SyntheticWeight() {}

    static LinearWeight of(MatmulForm form, int n, int k) {
        Arena arena = Arena.ofAuto();
        int rows = Math.min(ROWS, n);
        MemorySegment floats = Floats.gaussian(arena, (long) rows * k, 5);
        return form.dtype().isPresent()
                ? plain(arena, form.dtype().get(), floats, rows, n, k)
                : scheme(arena, form, floats, rows, n, k);
    }

    private static LinearWeight plain(Arena arena, DType dtype, MemorySegment floats, int rows, int n, int k) {
        WeightFormat format =
                dtype.kind() == DType.Kind.BLOCK ? new WeightFormat.Blocks(dtype) : new WeightFormat.Plain(dtype);
        MemorySegment some = arena.allocate(LinearWeight.codeBytes(format, rows, k), 64);
        Codecs.of(dtype).orElseThrow().encode(floats, 0, some, 0, (long) rows * k);
        MemorySegment codes = repeated(arena, some, LinearWeight.codeBytes(format, n, k));
        return new LinearWeight("synthetic", n, k, format, codes, MemorySegment.NULL, 1);
    }

    private static LinearWeight scheme(Arena arena, MatmulForm form, MemorySegment floats, int rows, int n, int k) {
        WeightQuantizer quantizer = Quantizers.of(form.scheme().orElseThrow(), ScaleRule.EVEN, DType.F32);
        Shape shape = Shape.of(rows, k);
        List<Part> described = quantizer.parts(shape);
        var parts = new ArrayList<MemorySegment>();
        for (Part part : described) {
            parts.add(arena.allocate(part.byteSize(), 64));
        }
        quantizer.quantize(floats, rows, shape, 6, parts);
        WeightFormat.Scaled format = form.format(n, k).orElseThrow();
        boolean hasGlobal = described.size() > 2 && described.get(2).dtype() == DType.F32;
        float factor = hasGlobal ? 1 / parts.get(2).get(ValueLayout.JAVA_FLOAT_UNALIGNED, 0) : 1;
        return new LinearWeight(
                "synthetic",
                n,
                k,
                format,
                repeated(arena, parts.get(0), LinearWeight.codeBytes(format, n, k)),
                repeated(arena, parts.get(1), LinearWeight.scaleBytes(format, n, k)),
                factor);
    }

    private static MemorySegment repeated(Arena arena, MemorySegment some, long bytes) {
        MemorySegment all = arena.allocate(bytes, 64);
        for (long at = 0; at < bytes; at += some.byteSize()) {
            MemorySegment.copy(some, 0, all, at, Math.min(some.byteSize(), bytes - at));
        }
        return all;
    }

    /** One row, restored. */
    static float[] row(LinearWeight weight, long row) {
        int k = Math.toIntExact(weight.k());
        float[] values = new float[k];
        switch (weight.format()) {
            case WeightFormat.Plain(var dtype) -> decode(weight, row, dtype, values);
            case WeightFormat.Blocks(var dtype) -> decode(weight, row, dtype, values);
            case WeightFormat.Scaled scaled -> {
                for (int c = 0; c < k; c++) {
                    values[c] = code(weight, scaled.code(), row * k + c) * scale(weight, scaled, row, c);
                }
            }
        }
        for (int c = 0; c < k; c++) {
            values[c] *= weight.factor();
        }
        return values;
    }

    private static void decode(LinearWeight weight, long row, DType dtype, float[] values) {
        TensorCodec codec = Codecs.of(dtype).orElseThrow();
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment floats = arena.allocate((long) values.length * Float.BYTES, 64);
            codec.decode(weight.codes(), row * dtype.byteSize(values.length), floats, 0, values.length);
            MemorySegment.copy(floats, ValueLayout.JAVA_FLOAT, 0, values, 0, values.length);
        }
    }

    private static float code(LinearWeight weight, NarrowCode code, long element) {
        long bit = element * code.bits();
        int low = Byte.toUnsignedInt(weight.codes().get(ValueLayout.JAVA_BYTE, bit >> 3));
        int next = (bit >> 3) + 1 < weight.codes().byteSize()
                ? Byte.toUnsignedInt(weight.codes().get(ValueLayout.JAVA_BYTE, (bit >> 3) + 1))
                : 0;
        return code.value((low | next << 8) >> (bit & 7) & (code.codes() - 1));
    }

    private static float scale(LinearWeight weight, WeightFormat.Scaled format, long row, long column) {
        long index = row / format.scaleRows() * format.scaleGridColumns(weight.k()) + column / format.scaleColumns();
        return format.scale() == ScaleType.F32
                ? weight.scales().get(ValueLayout.JAVA_FLOAT_UNALIGNED, index * Float.BYTES)
                : format.scale().value(Byte.toUnsignedInt(weight.scales().get(ValueLayout.JAVA_BYTE, index)));
    }
}
