package dev.gust.quantization.pipeline;

import static org.assertj.core.api.Assertions.assertThat;

import dev.gust.formats.file.TensorSource;
import dev.gust.formats.tensor.DType;
import dev.gust.formats.tensor.Shape;
import dev.gust.formats.tensor.Tensor;
import dev.gust.formats.tensor.TensorInfo;
import dev.gust.formats.weight.LogicalModel;
import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.Map;
import java.util.NoSuchElementException;
import java.util.Optional;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;

class ReadAheadTest {
    private static final int BYTES = 5;

    private final BlockingQueue<String> opened = new LinkedBlockingQueue<>();
    private final LogicalModel model = LogicalModel.of(new Source(opened), Optional.empty());
    private final List<TensorTask> tasks =
            model.tensors().stream().map(t -> (TensorTask) new CopyTask(t, "")).toList();

    private record Source(BlockingQueue<String> opened) implements TensorSource {
        @Override
        public String location() {
            return "memory";
        }

        @Override
        public String format() {
            return "safetensors";
        }

        @Override
        public Map<String, String> metadata() {
            return Map.of();
        }

        @Override
        public List<TensorInfo> tensors() {
            return List.of(info("a"), info("b"), info("c"));
        }

        private static TensorInfo info(String name) {
            return new TensorInfo(name, DType.U8, Shape.of(BYTES));
        }

        @Override
        public Tensor open(String name) {
            opened.add(name);
            if (name.equals("c")) {
                throw new NoSuchElementException(name);
            }
            return Tensor.view(info(name), MemorySegment.ofArray(new byte[BYTES]));
        }

        @Override
        public void close() {}
    }

    private String next() throws InterruptedException {
        return String.valueOf(opened.poll(1, TimeUnit.MINUTES));
    }

    @Test
    void itStaysWithinTheWindow() throws InterruptedException {
        try (var ahead = new ReadAhead(model, tasks, BYTES - 1)) {
            assertThat(next()).isEqualTo("a");
            ahead.consumed(1);
            assertThat(next()).isEqualTo("b");
        }
        assertThat(opened).as("c begins at 10, the window ends at 5").isEmpty();
    }

    @Test
    void whatItCannotReadIsLeftToThoseWhoNeedIt() throws InterruptedException {
        try (var ahead = new ReadAhead(model, tasks, 3 * BYTES)) {
            ahead.consumed(0);
            assertThat(List.of(next(), next(), next())).containsExactly("a", "b", "c");
        }
    }
}
