package dev.gust.quantization.calibration;

import dev.gust.formats.InputException;
import dev.gust.formats.OutputException;
import dev.gust.formats.UsageException;
import dev.gust.formats.model.TensorFiles;
import dev.gust.formats.tensor.DType;
import dev.gust.formats.tensor.Shape;
import dev.gust.formats.tensor.Tensor;
import dev.gust.formats.tensor.TensorInfo;
import dev.gust.quantization.pipeline.Progress;
import dev.gust.quantization.text.TokenBatches;
import dev.gust.runtime.encoder.Encoder;
import dev.gust.runtime.jvm.JvmDevice;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * Sums up what goes into a model's linear layers. For each layer NAME with N inputs, {@code NAME.gram} F32 [N, N] is the sum
 * of x xᵀ over all tokens, not divided by their number; {@code NAME.amax} F32 [N] the greatest magnitude of each channel;
 * {@code NAME.count} I64 [1] the number of tokens.
 *
 * <p>Sums are in float64, on the host whatever the encoder's device, and in the order of the tokens: they do not depend on the
 * number of threads. What goes into them is float32 of the device's; on the jvm device its last bit may change from run to
 * run, as Java's vector library rounds exponentials and sums of lanes differently before and after it is compiled. What they take, 8·N² bytes for each input that layers share, stays on Java's heap.
 */
public final class Calibrator implements AutoCloseable {
    /** What of Java's heap the sums may take. */
    private static final double HEAP_SHARE = 0.75;

    private final String model;
    private final Encoder encoder;
    private final int threads;
    private final JvmDevice device = new JvmDevice();
    private final Map<List<String>, GramSum> sums = new LinkedHashMap<>();
    private long heapBytes;

    /**
     * Prepares to calibrate.
     *
     * @param model its name, for errors
     * @param threads that sum up; 0 for one to each processor
     */
    public Calibrator(String model, Encoder encoder, int threads) {
        this.model = model;
        this.encoder = encoder;
        this.threads = device.threads(threads);
    }

    /**
     * Runs text through the model; may be called again with more.
     *
     * @throws InputException if the text is bad or empty, or the model gives what is not finite
     * @throws UsageException if the sums do not fit into Java's heap
     */
    public void add(TokenBatches text, Progress progress) {
        for (Optional<TokenBatches.Batch> batch = text.next(); batch.isPresent(); batch = text.next()) {
            encoder.embed(batch.get().ids(), batch.get().sequences(), this::see);
            progress.advance(
                    "",
                    batch.get().lines().stream()
                            .mapToLong(l -> l.text().length() + 1L)
                            .sum());
        }
    }

    private void see(List<String> layers, MemorySegment x, int rows, int columns) {
        GramSum sum = sums.computeIfAbsent(layers, _ -> room(layers, columns));
        sum.add(model, layers.getFirst(), x, rows, device, threads);
    }

    private GramSum room(List<String> layers, int columns) {
        heapBytes += GramSum.bytes(columns);
        long heap = Runtime.getRuntime().maxMemory();
        if (heapBytes > heap * HEAP_SHARE) {
            throw new UsageException(
                    "the Gram matrices up to that of " + layers.getFirst() + " take " + (heapBytes >> 20)
                            + " MiB of a Java heap of " + (heap >> 20) + " MiB",
                    "give Java a larger one: GUST_HEAP=" + ((2 * heapBytes >> 30) + 1)
                            + "g for ./gust, -Xmx elsewhere");
        }
        return new GramSum(columns);
    }

    /** Layers seen so far. */
    public List<String> layers() {
        return sums.keySet().stream().flatMap(List::stream).toList();
    }

    /**
     * Writes the sums: whole, or not at all.
     *
     * @param out a {@code .safetensors} or {@code .arrow} file
     * @throws OutputException if it cannot be written
     */
    public void write(Path out) {
        try (Arena memory = Arena.ofShared()) {
            var tensors = new ArrayList<Tensor>();
            sums.forEach((layers, sum) -> {
                int n = sum.columns();
                MemorySegment gram = memory.allocate((long) n * n * Float.BYTES, 64);
                sum.storeGram(gram);
                MemorySegment greatest = memory.allocate((long) n * Float.BYTES, 64);
                sum.storeGreatest(greatest);
                MemorySegment count = memory.allocateFrom(ValueLayout.JAVA_LONG, sum.count());
                for (String layer : layers) {
                    tensors.add(tensor(layer + ".gram", DType.F32, gram, n, n));
                    tensors.add(tensor(layer + ".amax", DType.F32, greatest, n));
                    tensors.add(tensor(layer + ".count", DType.I64, count, 1));
                }
            });
            TensorFiles.write(out, tensors);
        }
    }

    private static Tensor tensor(String name, DType dtype, MemorySegment data, long... dims) {
        return Tensor.view(new TensorInfo(name, dtype, Shape.of(dims)), data);
    }

    @Override
    public void close() {
        device.close();
    }
}
