package dev.gust.cli;

import dev.gust.formats.InputException;
import dev.gust.formats.UsageException;
import dev.gust.formats.tensor.DType;
import dev.gust.formats.tensor.Shape;
import dev.gust.formats.tensor.Tensor;
import dev.gust.formats.tensor.TensorInfo;
import dev.gust.runtime.attention.AttentionPlan;
import dev.gust.runtime.attention.DiagonalRnn;
import dev.gust.runtime.attention.Sequences;
import dev.gust.runtime.device.Device;
import dev.gust.runtime.kernel.KernelTimes;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/** {@code gust op diagonal-rnn}. */
final class DiagonalRun {
    private static final int MOST = 1 << 20;

    private DiagonalRun() {}

    static OpRun.Result run(Models model, Device device, Map<String, String> attributes) {
        DiagonalRnn operator = operator(attributes);
        String location = model.input().source().location();
        TensorInfo x = OpRun.input(model, operator.tensors().getFirst());
        Shape shape = x.shape();
        if (shape.rank() != 3 || shape.dim(2) < 1 || shape.dim(2) > MOST) {
            throw InputException.ofTensor(location, x.name(), "is " + shape, "make it [B, T, channels]");
        }
        long batch = shape.dim(0);
        long tokens = shape.dim(1);
        if (batch * tokens > Integer.MAX_VALUE) {
            throw InputException.ofTensor(
                    location, x.name(), "has " + batch * tokens + " tokens", "cut it into shorter parts");
        }
        int channels = (int) shape.dim(2);
        int stateSize = stateSize(model, operator);
        var file = new RecurrenceFile(model, x.name() + (stateSize == 1 ? "" : " and its states of " + stateSize));
        Sequences sequences = file.sequences(batch, tokens);
        int n = sequences.count();
        Arena memory = Arena.ofShared();
        try (AttentionPlan plan = operator.prepare(device, sequences.tokens(), n, channels, stateSize, location)) {
            Map<String, MemorySegment> tensors = file.tensors(
                    operator.tensors(), name -> operator.shapes(name, batch, tokens, channels, stateSize), memory);
            var y = new TensorInfo("y", DType.F32, shape);
            MemorySegment out = RecurrenceFile.allocate(memory, y);
            plan.load(file.initialStates(plan, n, memory), n);
            KernelTimes times = plan.run(tensors, sequences, out);
            var outputs = new ArrayList<Tensor>(List.of(Tensor.view(y, out)));
            outputs.addAll(RecurrenceFile.finalStates(plan, n, memory));
            return new OpRun.Result(
                    operator.rule(),
                    x.name() + " " + shape + (n == batch ? "" : ", " + n + " sequences"),
                    outputs,
                    times,
                    memory);
        } catch (RuntimeException e) {
            memory.close();
            throw e;
        }
    }

    /** K: as many columns as the rule's first tensor that has them. */
    private static int stateSize(Models model, DiagonalRnn operator) {
        if (operator.rule().equals("hgrn")) {
            return 1;
        }
        TensorInfo info = OpRun.input(model, operator.tensors().get(1));
        Shape shape = info.shape();
        if (shape.rank() != 2 || shape.dim(1) < 1 || shape.dim(1) > MOST) {
            throw InputException.ofTensor(
                    model.input().source().location(), info.name(), "is " + shape, "give it a column for each state");
        }
        return (int) shape.dim(1);
    }

    private static DiagonalRnn operator(Map<String, String> attributes) {
        String rule = attributes.getOrDefault("rule", "");
        if (rule.isEmpty()) {
            throw new UsageException(
                    "diagonal-rnn needs a rule", "--set rule= one of " + String.join(", ", DiagonalRnn.rules()));
        }
        DiagonalRnn operator = DiagonalRnn.of(rule);
        operator = AttentionRun.form(attributes).map(operator::withForm).orElse(operator);
        return OpRun.style(attributes).map(operator::withKernels).orElse(operator);
    }
}
