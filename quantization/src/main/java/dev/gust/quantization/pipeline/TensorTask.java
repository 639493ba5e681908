package dev.gust.quantization.pipeline;

import dev.gust.formats.measure.ErrorSums;
import dev.gust.formats.tensor.TensorInfo;
import dev.gust.formats.weight.LogicalModel;
import dev.gust.formats.weight.LogicalTensor;
import dev.gust.formats.weight.RowRange;
import dev.gust.formats.weight.ScratchBuffers;
import java.lang.foreign.MemorySegment;
import java.util.List;

/** What becomes of one tensor of the model: the stored tensors it turns into, and the work that fills them. */
public sealed interface TensorTask permits CopyTask, EncodeTask, FactorizeTask, QuantizeTask, RepackTask {
    /** The tensor read. */
    LogicalTensor source();

    /** The stored tensors written. */
    List<TensorInfo> outputs();

    /** How it is stored afterwards: a dtype or a scheme. */
    String encoding();

    /** Why it is not stored as the pipeline's aim would have it; empty if it is. */
    String reason();

    /** Independent pieces of the work; each writes bytes that no other piece writes differently. */
    List<RowRange> pieces();

    /**
     * Tensors whose largest magnitude, taken together, has to be known before the work begins; empty if none. Tasks
     * that share a scale give equal lists.
     */
    default List<LogicalTensor> magnitudeOf() {
        return List.of();
    }

    /** Whether values may change, so that an error can be measured. */
    default boolean isLossy() {
        return true;
    }

    /**
     * Opens the source for the work.
     *
     * @param model the model that has it
     * @param magnitude largest magnitude of {@link #magnitudeOf()}; 0 if that is empty
     */
    OpenTask open(LogicalModel model, float magnitude);

    /** A task whose source is open. Safe to share between threads. */
    interface OpenTask extends AutoCloseable {
        /**
         * Does one piece.
         *
         * @return the error made, {@link ErrorSums#NONE} for a task that is not lossy
         * @throws dev.gust.formats.InputException if a value cannot be stored
         */
        ErrorSums run(RowRange rows, ScratchBuffers scratch, Sink sink);

        @Override
        void close();
    }

    /** Takes the bytes of stored tensors. Safe to share between threads. */
    interface Sink {
        /**
         * Stores some bytes of a tensor.
         *
         * @param tensor which stored tensor
         * @param offset byte within it
         * @param bytes what to store there
         */
        void write(TensorInfo tensor, long offset, MemorySegment bytes);
    }
}
