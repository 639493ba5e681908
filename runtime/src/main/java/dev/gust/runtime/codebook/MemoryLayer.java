package dev.gust.runtime.codebook;

import dev.gust.formats.DeviceException;
import dev.gust.formats.InputException;
import dev.gust.formats.UsageException;
import dev.gust.runtime.catalog.OperatorEntry;
import dev.gust.runtime.catalog.Variant;
import dev.gust.runtime.device.Device;
import dev.gust.runtime.featuremap.FiniteValues;
import dev.gust.runtime.jvm.JvmDevice;
import dev.gust.runtime.kernel.KernelDevice;
import dev.gust.runtime.kernel.NativeArrays;
import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.stream.Stream;

/**
 * The operator: MemoryFormer's layer (arXiv 2411.12992), which stands in for a linear one. x is cut into chunks of τ numbers;
 * the signs of a chunk are the number of a row in its table, and the rows are weighted and summed.
 *
 * <pre>
 * h_c = Σ_i 2^i [x_{cτ+i} ≥ 0]
 * p_c = Π_i 1 / (1 + exp(−2 |x_{cτ+i}| / temperature))
 * y = Σ_c p_c · table_c[h_c]
 * </pre>
 *
 * <p>p is the softmax, over the 2^τ sign patterns, of the chunk's inner product with its pattern, which factors over the bits.
 * Ours, since the paper's abstract does not say: the order of bits, that zero counts as positive, that there is no bias, and
 * {@code weight=none}, which leaves p out.
 *
 * @param chunks C
 * @param bits τ, 1 to 16
 * @param outputs O
 * @param weighted whether rows are weighted
 * @param temperature of the softmax
 */
public record MemoryLayer(int chunks, int bits, int outputs, boolean weighted, double temperature) {
    /** Its name in the catalog. */
    public static final String NAME = "memory-layer";

    /** Largest RMSE(reference − y) / RMS(reference). */
    public static final double TOLERANCE = 1e-5;

    private static final int MOST_BITS = 16;

    /**
     * @throws UsageException if a number is out of range
     */
    public MemoryLayer {
        if (chunks < 1
                || bits < 1
                || bits > MOST_BITS
                || outputs < 1
                || (double) chunks * (1 << bits) * outputs > NativeArrays.MAX_WORDS) {
            throw new UsageException(
                    chunks + " chunks of " + bits + " bits for " + outputs + " outputs",
                    "give at least one of each, 16 bits at most, and tables of fewer than 2^31 elements");
        }
        if (!((float) temperature > 0 && 1 / temperature > 0 && temperature < Float.MAX_VALUE)) {
            throw new UsageException("a temperature of " + temperature, "give a positive number, such as 1");
        }
    }

    /**
     * Brings the tables to a device. Costly: keep the plan.
     *
     * @param tables [C, 2^τ, O] float32; stays in use until the plan is closed
     * @param rows most rows of a call
     * @param threads most threads on the jvm device; 0 for all
     * @throws InputException if the tables do not have their size, or hold something that is not finite
     * @throws UsageException if there are too many rows for an array
     * @throws DeviceException if the device cannot run it
     */
    public MemoryLayerPlan prepare(Device device, MemorySegment tables, int rows, int threads) {
        require("tables", tables, (long) chunks * (1 << bits) * outputs, "[C, 2^bits, O]");
        if (rows < 0 || (double) rows * Math.max(outputs, chunks * bits) > NativeArrays.MAX_WORDS) {
            throw new UsageException(rows + " rows in one call", "give fewer at a time");
        }
        return switch (device) {
            case KernelDevice kernels -> new KernelMemoryLayer(kernels, this, tables, rows);
            case JvmDevice jvm -> new JvmMemoryLayer(jvm, this, tables, rows, threads);
            default -> throw new IllegalArgumentException("device " + device.id() + " is of an unknown kind");
        };
    }

    void check(MemorySegment x, int most, int rows, MemorySegment y) {
        if (rows < 0 || rows > most) {
            throw InputException.ofTensor(
                    NAME, "x", "has " + rows + " rows for a plan of at most " + most, "prepare a larger plan");
        }
        require("x", x, (long) rows * chunks * bits, "[M, C · bits]");
        if (y.byteSize() != 4L * rows * outputs) {
            throw InputException.ofTensor(NAME, "y", "has " + y.byteSize() + " bytes", "give room for [M, O]");
        }
    }

    private static void require(String name, MemorySegment x, long elements, String shape) {
        if (x.byteSize() != elements * Float.BYTES) {
            throw InputException.ofTensor(
                    NAME,
                    name,
                    "has " + x.byteSize() / Float.BYTES + " elements where " + elements + " are wanted",
                    "give it as " + shape + " float32");
        }
        FiniteValues.require(NAME, name, x);
    }

    /** 1 / temperature, or 0 where rows have no weights. */
    float inverse() {
        return weighted ? (float) (1 / temperature) : 0;
    }

    /** Its place in the catalog. */
    public static OperatorEntry entry() {
        return new OperatorEntry(
                NAME,
                "MemoryFormer's layer: the signs of chunks of x choose rows of tables, which are weighted and summed",
                "x [M,C·bits], tables [C,2^bits,O]",
                "y [M,O]",
                List.of(
                        new OperatorEntry.Attribute("weight", "softmax|none", "what of the row's match multiplies it"),
                        new OperatorEntry.Attribute("temperature", "1", "of the softmax")),
                Stream.of("softmax", "none")
                        .map(name -> new Variant(name, "F32, F16 or BF16", "", TOLERANCE, CodebookDevices.ALL))
                        .toList());
    }
}
