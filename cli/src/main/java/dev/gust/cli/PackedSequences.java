package dev.gust.cli;

import dev.gust.formats.InputException;
import dev.gust.formats.file.TensorSource;
import dev.gust.formats.tensor.DType;
import dev.gust.formats.tensor.Tensor;
import dev.gust.formats.tensor.TensorInfo;
import dev.gust.runtime.attention.Sequences;
import java.lang.foreign.ValueLayout;

/** Where a file's sequences begin and end. */
final class PackedSequences {
    private PackedSequences() {}

    /** B sequences of T tokens, or as {@code cu_seqlens} cuts one row of them. */
    static Sequences of(Models model, long batch, long tokens) {
        if (!OpRun.has(model, "cu_seqlens")) {
            return Sequences.of(Math.toIntExact(batch), Math.toIntExact(tokens));
        }
        TensorSource source = model.input().source();
        TensorInfo info = OpRun.input(model, "cu_seqlens");
        if (info.dtype() != DType.I32
                || info.shape().rank() != 1
                || info.shape().elements() < 1) {
            throw InputException.ofTensor(
                    source.location(), info.name(), "is " + info.dtype() + " " + info.shape(), "make it I32 [N+1]");
        }
        if (batch != 1) {
            throw InputException.ofTensor(
                    source.location(),
                    info.name(),
                    "cuts a batch of " + batch,
                    "put all sequences behind one another, with B = 1");
        }
        Sequences sequences;
        try (Tensor tensor = source.open(info.name())) {
            sequences = new Sequences(tensor.data().toArray(ValueLayout.JAVA_INT_UNALIGNED));
        }
        if (sequences.tokens() != tokens) {
            throw InputException.ofTensor(
                    source.location(),
                    info.name(),
                    "ends at token " + sequences.tokens() + " of " + tokens,
                    "end it with the number of tokens");
        }
        return sequences;
    }
}
