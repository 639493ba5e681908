package dev.gust.benchmarks;

import dev.gust.formats.codec.Codecs;
import dev.gust.formats.file.TensorSource;
import dev.gust.formats.measure.Magnitudes;
import dev.gust.formats.model.ModelInput;
import dev.gust.formats.tensor.DType;
import dev.gust.formats.tensor.Tensor;
import dev.gust.formats.tensor.TensorInfo;
import dev.gust.formats.weight.LogicalModel;
import dev.gust.formats.weight.LogicalTensor;
import dev.gust.formats.weight.RowRange;
import dev.gust.formats.weight.ScratchBuffers;
import dev.gust.formats.weight.WeightReader;
import dev.gust.quantization.pipeline.EncodeTask;
import dev.gust.quantization.pipeline.OutputPlan;
import dev.gust.quantization.pipeline.PiecePool;
import dev.gust.quantization.pipeline.QuantizationPlanner;
import dev.gust.quantization.pipeline.QuantizationRequest;
import dev.gust.quantization.pipeline.QuantizeTask;
import dev.gust.quantization.pipeline.TensorSelection;
import dev.gust.quantization.pipeline.TensorTask;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * What quantizing a model takes without files: the same tasks on the same threads, read from memory and written nowhere,
 * without checksums and journal. The tensors share a few pieces of memory, together larger than the caches.
 */
final class InMemory implements AutoCloseable {
    private static final int DISTINCT = 4;

    private final Arena arena = Arena.ofShared();
    private final LogicalModel model;
    private final ModelInput input;

    InMemory(List<TensorInfo> tensors) {
        long elements = tensors.getFirst().shape().elements();
        var data = new ArrayList<MemorySegment>();
        try (Arena floats = Arena.ofConfined()) {
            MemorySegment gaussian = Floats.gaussian(floats, elements, 7);
            for (int i = 0; i < DISTINCT; i++) {
                MemorySegment stored = arena.allocate(DType.BF16.byteSize(elements), 64);
                Codecs.of(DType.BF16).orElseThrow().encode(gaussian, 0, stored, 0, elements);
                data.add(stored);
            }
        }
        TensorSource source = new Source(tensors, data);
        model = LogicalModel.of(source, Optional.empty());
        input = new ModelInput(source, Optional.empty(), Map.of(), Map.of(), "memory", () -> {});
    }

    /** Seconds to quantize, and to measure the error as well if that is asked for. */
    double quantize(String scheme, Path target, int threads, boolean withError) {
        var request =
                QuantizationRequest.of(scheme, Optional.empty(), Optional.empty(), TensorSelection.STANDARD, target);
        OutputPlan plan = QuantizationPlanner.plan(input, model, request, target);
        long start = System.nanoTime();
        try (var pool = new PiecePool(threads, () -> false, "memory")) {
            for (TensorTask task : plan.tasks()) {
                float magnitude = magnitude(task, pool);
                if (withError) {
                    run(task, magnitude, pool);
                } else {
                    encode(task, magnitude, pool);
                }
            }
        }
        return (System.nanoTime() - start) / 1e9;
    }

    private float magnitude(TensorTask task, PiecePool pool) {
        float largest = 0;
        for (LogicalTensor tensor : task.magnitudeOf()) {
            List<RowRange> pieces = RowRange.cut(tensor.shape(), 1);
            var found = new float[pieces.size()];
            try (WeightReader reader = model.read(tensor)) {
                pool.forEach(
                        pieces.size(),
                        (i, scratch) -> found[i] = Magnitudes.scan(reader.read(pieces.get(i), scratch, 0), 0)
                                .max());
            }
            for (float f : found) {
                largest = Math.max(largest, f);
            }
        }
        return largest;
    }

    private void run(TensorTask task, float magnitude, PiecePool pool) {
        List<RowRange> pieces = task.pieces();
        try (TensorTask.OpenTask open = task.open(model, magnitude)) {
            pool.forEach(pieces.size(), (i, scratch) -> {
                var sums = open.run(pieces.get(i), scratch, (_, _, _) -> {});
                if (sums.count() == 0) {
                    throw new IllegalStateException("nothing was measured");
                }
            });
        }
    }

    private void encode(TensorTask task, float magnitude, PiecePool pool) {
        List<RowRange> pieces = task.pieces();
        try (WeightReader reader = model.read(task.source())) {
            pool.forEach(pieces.size(), (i, scratch) -> {
                RowRange rows = pieces.get(i);
                MemorySegment floats = reader.read(rows, scratch, 0);
                switch (task) {
                    case QuantizeTask quantize -> encode(quantize, rows, floats, magnitude, scratch);
                    case EncodeTask encode -> {
                        long count = floats.byteSize() / Float.BYTES;
                        long bytes = encode.codec().dtype().byteSize(count);
                        encode.codec().encode(floats, 0, scratch.get(8, bytes), 0, count);
                    }
                    default -> throw new IllegalArgumentException(task + " does not quantize");
                }
            });
        }
    }

    private static void encode(
            QuantizeTask task, RowRange rows, MemorySegment floats, float magnitude, ScratchBuffers scratch) {
        var shape = task.source().shape();
        var parts = new ArrayList<MemorySegment>();
        for (int i = 0; i < task.parts().size(); i++) {
            long bytes =
                    task.quantizer().range(shape, i, rows.first(), rows.count()).bytes();
            parts.add(scratch.get(8 + i, bytes));
        }
        task.quantizer().quantize(floats, rows.count(), shape, magnitude, parts);
    }

    @Override
    public void close() {
        model.close();
        arena.close();
    }

    private record Source(List<TensorInfo> tensors, List<MemorySegment> data) implements TensorSource {
        @Override
        public String location() {
            return "memory";
        }

        @Override
        public String format() {
            return "safetensors";
        }

        @Override
        public Map<String, String> metadata() {
            return Map.of();
        }

        @Override
        public Tensor open(String name) {
            int index = 0;
            while (!tensors.get(index).name().equals(name)) {
                index++;
            }
            return Tensor.view(tensors.get(index), data.get(index % data.size()));
        }

        @Override
        public void close() {}
    }
}
