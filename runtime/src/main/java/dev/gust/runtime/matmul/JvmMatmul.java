package dev.gust.runtime.matmul;

import dev.gust.runtime.jvm.JvmDevice;
import dev.gust.runtime.kernel.KernelTimes;
import dev.gust.runtime.matmul.jvm.IntegerProduct;
import dev.gust.runtime.matmul.jvm.RowsProduct;
import dev.gust.runtime.matmul.jvm.TiledProduct;
import dev.gust.runtime.matmul.jvm.WideProduct;
import dev.gust.runtime.weight.LinearWeight;
import java.lang.foreign.MemorySegment;
import java.util.Optional;

/**
 * Matmul by vector loops over the weight where it lies: nothing is copied or unpacked ahead. Threads share the weight's
 * rows.
 */
final class JvmMatmul implements MatmulPlan {
    /** Fewest weights to a piece of work: some ten microseconds, far above what handing it over costs. */
    private static final long GRAIN_WEIGHTS = 1 << 18;

    /** With more rows of x, restoring a piece of the weight once for all of them is faster than integers for each. */
    private static final int MOST_INTEGER_ROWS = 4;

    private final JvmDevice device;
    private final LinearWeight weight;
    private final RowsProduct floats;
    private final Optional<RowsProduct> integers;
    private final int threads;
    private final long grain;
    private volatile boolean closed;

    JvmMatmul(JvmDevice device, LinearWeight weight, MatmulOptions options) {
        this.device = device;
        this.weight = weight;
        this.floats = new TiledProduct(weight);
        this.integers =
                options.integerPath() ? WideProduct.of(weight).or(() -> IntegerProduct.of(weight)) : Optional.empty();
        this.threads = device.threads(options.threads());
        // A multiple of four, as rows are restored by fours.
        this.grain = Math.max(4, GRAIN_WEIGHTS / Math.max(1, weight.k()) / 4 * 4);
    }

    @Override
    public KernelTimes multiply(MemorySegment x, int m, MemorySegment y) {
        if (closed) {
            throw new IllegalStateException("the plan for '" + weight.name() + "' is closed");
        }
        MatmulSizes.check(weight, x, m, y);
        long start = System.nanoTime();
        int helpers = mayShare(y) ? threads : 1;
        RowsProduct product = m > MOST_INTEGER_ROWS ? floats : integers.orElse(floats);
        for (int first = 0; first < m; first += product.panelRows()) {
            multiplyPanel(product, x, first, Math.min(product.panelRows(), m - first), y, helpers);
        }
        return KernelTimes.ofTotal(System.nanoTime() - start);
    }

    private void multiplyPanel(
            RowsProduct product, MemorySegment x, int first, int rows, MemorySegment y, int helpers) {
        try (RowsProduct.Input panel = product.prepare(x, first, rows)) {
            device.forLongRuns(weight.n(), grain, helpers, (from, to) -> product.multiply(panel, first, from, to, y));
        }
    }

    /** Memory of a confined arena belongs to the calling thread alone, which then does all the work. */
    private boolean mayShare(MemorySegment y) {
        return device.canReach(y) && device.canReach(weight.codes()) && device.canReach(weight.scales());
    }

    @Override
    public void close() {
        closed = true;
    }
}
