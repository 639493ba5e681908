package dev.gust.cli;

import dev.gust.formats.InputException;
import dev.gust.formats.file.TensorSource;
import dev.gust.formats.tensor.DType;
import dev.gust.formats.tensor.Shape;
import dev.gust.formats.tensor.Tensor;
import dev.gust.formats.tensor.TensorInfo;
import dev.gust.runtime.attention.AttentionPlan;
import dev.gust.runtime.attention.Sequences;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Function;

/** What a file holds for an operator that goes through sequences: tensors, where sequences begin, and states. */
final class RecurrenceFile {
    private final Models model;
    private final TensorSource source;
    private final String sizing;

    /** @param sizing the tensors that say the sizes of the others, for errors */
    RecurrenceFile(Models model, String sizing) {
        this.model = model;
        this.source = model.input().source();
        this.sizing = sizing;
    }

    /**
     * The tensors of a rule, as float32.
     *
     * @param shapes those that a tensor may have
     */
    Map<String, MemorySegment> tensors(List<String> names, Function<String, List<List<Long>>> shapes, Arena memory) {
        Map<String, MemorySegment> tensors = new HashMap<>();
        for (String name : names) {
            TensorInfo info = OpRun.input(model, name);
            List<List<Long>> allowed = shapes.apply(name);
            if (!allowed.contains(dims(info.shape()))) {
                throw InputException.ofTensor(
                        source.location(),
                        info.name(),
                        "is " + info.shape() + ", which does not go with the shapes of " + sizing,
                        "make it "
                                + String.join(
                                        " or ",
                                        allowed.stream().map(Object::toString).toList()));
            }
            tensors.put(name, OpRun.floats(source, info, memory));
        }
        return tensors;
    }

    /** B sequences of T tokens, or as {@code cu_seqlens} cuts one row of them. */
    Sequences sequences(long batch, long tokens) {
        return PackedSequences.of(model, batch, tokens);
    }

    /** What the file gives of what a plan carries. */
    Map<String, MemorySegment> initialStates(AttentionPlan plan, int n, Arena memory) {
        Map<String, MemorySegment> states = new HashMap<>();
        for (AttentionPlan.StateTensor state : plan.stateTensors()) {
            String name = "initial_" + state.name();
            if (!OpRun.has(model, name)) {
                continue;
            }
            TensorInfo info = OpRun.input(model, name);
            List<Long> wanted = shape(state, n);
            if (!dims(info.shape()).equals(wanted)) {
                throw InputException.ofTensor(
                        source.location(), info.name(), "is " + info.shape(), "make it " + wanted);
            }
            states.put(state.name(), OpRun.floats(source, info, memory));
        }
        return states;
    }

    /** What a plan carries behind a run. */
    static List<Tensor> finalStates(AttentionPlan plan, int n, Arena memory) {
        Map<String, MemorySegment> states = new HashMap<>();
        var outputs = new ArrayList<Tensor>();
        for (AttentionPlan.StateTensor state : plan.stateTensors()) {
            long[] dims = shape(state, n).stream().mapToLong(Long::longValue).toArray();
            var info = new TensorInfo("final_" + state.name(), DType.F32, Shape.of(dims));
            MemorySegment data = allocate(memory, info);
            states.put(state.name(), data);
            outputs.add(Tensor.view(info, data));
        }
        plan.save(states, n);
        return outputs;
    }

    private static List<Long> shape(AttentionPlan.StateTensor state, int n) {
        var shape = new ArrayList<Long>(List.of((long) n));
        shape.addAll(state.shape());
        return shape;
    }

    /** Room for a result. */
    static MemorySegment allocate(Arena memory, TensorInfo info) {
        return memory.allocate(Math.max(1, info.byteSize()), 64).asSlice(0, info.byteSize());
    }

    private static List<Long> dims(Shape shape) {
        var dims = new ArrayList<Long>();
        for (long d : shape.dims()) {
            dims.add(d);
        }
        return dims;
    }
}
