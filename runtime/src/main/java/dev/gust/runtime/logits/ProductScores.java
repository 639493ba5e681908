package dev.gust.runtime.logits;

import dev.gust.runtime.jvm.JvmDevice;
import dev.gust.runtime.matmul.MatmulOptions;
import dev.gust.runtime.matmul.MatmulPlan;
import dev.gust.runtime.matmul.QuantizedMatmul;
import dev.gust.runtime.weight.LinearWeight;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.List;

/** Scores that are a product with one matrix or several after one another. */
final class ProductScores implements TokenScores {
    private final List<MatmulPlan> plans;
    private final List<LinearWeight> weights;
    private final int d;

    /**
     * @param weights the first is multiplied with h; its columns may be more than D, which zeros fill
     * @param d D
     */
    ProductScores(JvmDevice device, List<LinearWeight> weights, int d, int threads) {
        // Where codes are integers, h is rounded to INT8: nothing beside what codes of 4 bits are off by.
        MatmulOptions options = MatmulOptions.DEFAULT.withThreads(threads);
        this.weights = List.copyOf(weights);
        this.plans = weights.stream()
                .map(w -> QuantizedMatmul.prepare(device, w, options))
                .toList();
        this.d = d;
    }

    @Override
    public Panel panel(MemorySegment h, int firstRow, int rows) {
        MemorySegment x = h.asSlice(4L * firstRow * d, 4L * rows * d);
        int width = Math.toIntExact(weights.getFirst().k());
        if (width != d) {
            float[] padded = new float[rows * width];
            for (int i = 0; i < rows; i++) {
                MemorySegment.copy(x, ValueLayout.JAVA_FLOAT_UNALIGNED, 4L * i * d, padded, i * width, d);
            }
            x = MemorySegment.ofArray(padded);
        }
        float[] result = new float[0];
        for (int i = 0; i < plans.size(); i++) {
            int columns = Math.toIntExact(weights.get(i).n());
            result = new float[Math.multiplyExact(rows, columns)];
            MemorySegment y = MemorySegment.ofArray(result);
            plans.get(i).multiply(x, rows, y);
            x = y;
        }
        float[] scores = result;
        int v = Math.toIntExact(weights.getLast().n());
        return (row, first, count, to) -> System.arraycopy(scores, row * v + first, to, 0, count);
    }

    @Override
    public void close() {
        plans.forEach(MatmulPlan::close);
    }
}
