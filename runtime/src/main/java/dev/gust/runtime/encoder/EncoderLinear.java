package dev.gust.runtime.encoder;

import dev.gust.formats.InputException;
import dev.gust.formats.weight.LogicalModel;
import dev.gust.formats.weight.LogicalTensor;
import dev.gust.runtime.device.Device;
import dev.gust.runtime.layer.ActivationPlan;
import dev.gust.runtime.matmul.MatmulOptions;
import dev.gust.runtime.matmul.MatmulPlan;
import dev.gust.runtime.matmul.QuantizedMatmul;
import dev.gust.runtime.weight.LinearWeights;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * A linear layer with its bias, y = act(W · x + b), where W is stored plain, quantized, or as low-rank factors with or
 * without a residual: A · (B · x) + R · x.
 */
final class EncoderLinear implements AutoCloseable {
    private static final ValueLayout.OfFloat FLOAT =
            ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

    private final String name;
    private final int in;
    private final int out;
    private final MemorySegment bias;
    private final List<MatmulPlan> factors;
    private final int rank;
    private final Optional<MatmulPlan> whole;
    private final MemorySegment narrow;
    private final MemorySegment product;

    private EncoderLinear(
            String name,
            int in,
            int out,
            MemorySegment bias,
            List<MatmulPlan> factors,
            int rank,
            Optional<MatmulPlan> whole,
            MemorySegment narrow,
            MemorySegment product) {
        this.name = name;
        this.in = in;
        this.out = out;
        this.bias = bias;
        this.factors = factors;
        this.rank = rank;
        this.whole = whole;
        this.narrow = narrow;
        this.product = product;
    }

    /**
     * Loads a layer.
     *
     * @param module its name within the encoder
     * @param rows most rows of x
     * @param memory where what lies between factors goes
     * @throws InputException if it is missing or of another shape
     */
    static EncoderLinear load(
            Device device,
            EncoderTensors tensors,
            String module,
            int in,
            int out,
            int rows,
            MatmulOptions options,
            Arena memory) {
        LogicalModel model = tensors.model();
        String name = tensors.name(module);
        Optional<LogicalTensor> a = factor(model, name + ".lowrank_a");
        Optional<LogicalTensor> b = factor(model, name + ".lowrank_b");
        Optional<LogicalTensor> dense = model.find(name + ".weight");
        if (a.isPresent() != b.isPresent() || (a.isEmpty() && dense.isEmpty())) {
            throw InputException.ofTensor(
                    tensors.location(),
                    name + (a.isPresent() ? ".lowrank_b" : b.isPresent() ? ".lowrank_a" : ".weight"),
                    "is missing",
                    "gust inspect lists a model's tensors");
        }
        MemorySegment bias = tensors.bias(module, out);
        var plans = new ArrayList<MatmulPlan>();
        try {
            int rank = 0;
            if (a.isPresent()) {
                rank = Math.toIntExact(b.orElseThrow().shape().rows());
                plans.add(plan(device, model, b.orElseThrow(), rank, in, options));
                plans.add(plan(device, model, a.orElseThrow(), out, rank, options));
            }
            if (dense.isPresent()) {
                plans.add(plan(device, model, dense.get(), out, in, options));
            }
            Optional<MatmulPlan> whole = dense.map(_ -> plans.getLast());
            boolean adds = a.isPresent() && dense.isPresent();
            return new EncoderLinear(
                    name,
                    in,
                    out,
                    bias,
                    List.copyOf(a.isPresent() ? plans.subList(0, 2) : List.of()),
                    rank,
                    whole,
                    memory.allocate(Math.max(4, (long) rows * rank * Float.BYTES), 64),
                    memory.allocate(adds ? (long) rows * out * Float.BYTES : 4, 64));
        } catch (RuntimeException e) {
            plans.forEach(MatmulPlan::close);
            throw e;
        }
    }

    private static Optional<LogicalTensor> factor(LogicalModel model, String name) {
        return model.find(name).or(() -> model.find(name + ".weight"));
    }

    private static MatmulPlan plan(
            Device device, LogicalModel model, LogicalTensor weight, int out, int in, MatmulOptions options) {
        if (weight.shape().rank() != 2
                || weight.shape().rows() != out
                || weight.shape().columns() != in) {
            throw InputException.ofTensor(
                    model.source().location(),
                    weight.name(),
                    "is " + weight.shape(),
                    "give it as [" + out + ", " + in + "]");
        }
        return QuantizedMatmul.prepare(device, LinearWeights.load(model.source(), weight), options);
    }

    /** Its name in the model, without {@code .weight}. */
    String name() {
        return name;
    }

    /**
     * Multiplies, adds the bias and applies the function.
     *
     * @param x [rows, in]
     * @param function of this layer's width
     * @param y receives [rows, out]
     */
    void run(MemorySegment x, int rows, ActivationPlan function, MemorySegment y) {
        if (factors.isEmpty()) {
            whole.orElseThrow().multiply(x, rows, y);
        } else {
            MemorySegment few = narrow.asSlice(0, (long) rows * rank * Float.BYTES);
            factors.getFirst().multiply(x, rows, few);
            factors.getLast().multiply(few, rows, y);
            whole.ifPresent(residual -> {
                MemorySegment rest = product.asSlice(0, (long) rows * out * Float.BYTES);
                residual.multiply(x, rows, rest);
                add(rest, y);
            });
        }
        function.run(y, bias, rows, y);
    }

    private static void add(MemorySegment x, MemorySegment y) {
        for (long at = 0; at < y.byteSize(); at += Float.BYTES) {
            y.set(FLOAT, at, y.get(FLOAT, at) + x.get(FLOAT, at));
        }
    }

    int in() {
        return in;
    }

    @Override
    public void close() {
        factors.forEach(MatmulPlan::close);
        whole.ifPresent(MatmulPlan::close);
    }
}
