package dev.gust.quantization.pipeline;

import dev.gust.formats.measure.ErrorSums;
import dev.gust.formats.tensor.Tensor;
import dev.gust.formats.tensor.TensorInfo;
import dev.gust.formats.weight.LogicalModel;
import dev.gust.formats.weight.LogicalTensor;
import dev.gust.formats.weight.RowRange;
import dev.gust.formats.weight.ScratchBuffers;
import java.util.ArrayList;
import java.util.List;

/**
 * Copies a tensor's stored bytes as they are.
 *
 * @param source the tensor
 * @param reason why it is only copied; empty where copying is the aim
 */
public record CopyTask(LogicalTensor source, String reason) implements TensorTask {
    /** Bytes copied at a time. */
    private static final long PIECE_BYTES = 4 << 20;

    @Override
    public List<TensorInfo> outputs() {
        return source.stored();
    }

    @Override
    public String encoding() {
        return source.encoding().label();
    }

    @Override
    public boolean isLossy() {
        return false;
    }

    /** Pieces are runs of bytes here, counted through the stored tensors one after the other. */
    @Override
    public List<RowRange> pieces() {
        var pieces = new ArrayList<RowRange>();
        long start = 0;
        for (TensorInfo info : source.stored()) {
            long bytes = info.byteSize();
            for (long done = 0; done < bytes; done += PIECE_BYTES) {
                pieces.add(new RowRange(start + done, Math.min(PIECE_BYTES, bytes - done)));
            }
            start += bytes;
        }
        return pieces;
    }

    @Override
    public OpenTask open(LogicalModel model, float magnitude) {
        var tensors = new ArrayList<Tensor>();
        try {
            source.stored().forEach(t -> tensors.add(model.source().open(t.name())));
        } catch (RuntimeException e) {
            tensors.forEach(Tensor::close);
            throw e;
        }
        return new Open(tensors);
    }

    private record Open(List<Tensor> tensors) implements OpenTask {
        @Override
        public ErrorSums run(RowRange bytes, ScratchBuffers scratch, Sink sink) {
            long start = bytes.first();
            for (Tensor tensor : tensors) {
                long size = tensor.data().byteSize();
                if (start < size) {
                    sink.write(tensor.info(), start, tensor.data().asSlice(start, bytes.count()));
                    break;
                }
                start -= size;
            }
            return ErrorSums.NONE;
        }

        @Override
        public void close() {
            tensors.forEach(Tensor::close);
        }
    }
}
