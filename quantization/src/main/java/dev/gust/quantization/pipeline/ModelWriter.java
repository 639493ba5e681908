package dev.gust.quantization.pipeline;

import dev.gust.formats.GustException;
import dev.gust.formats.OutputException;
import dev.gust.formats.file.Checksum;
import dev.gust.formats.file.LayoutWriter;
import dev.gust.formats.measure.ErrorSums;
import dev.gust.formats.measure.Magnitudes;
import dev.gust.formats.tensor.TensorInfo;
import dev.gust.formats.weight.LogicalModel;
import dev.gust.formats.weight.LogicalTensor;
import dev.gust.formats.weight.RowRange;
import dev.gust.formats.weight.WeightReader;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;

/**
 * Carries out an {@link OutputPlan}: tensor by tensor, each cut in pieces that threads do independently. Which thread
 * does which piece changes no byte of the output and no digit of the errors, which are summed in the order of pieces.
 */
public final class ModelWriter {
    private final LogicalModel model;
    private final OutputPlan plan;
    private final RunOptions options;
    private final Map<List<LogicalTensor>, Float> magnitudes = new HashMap<>();

    private ModelWriter(LogicalModel model, OutputPlan plan, RunOptions options) {
        this.model = model;
        this.plan = plan;
        this.options = options;
    }

    /**
     * Writes the model.
     *
     * @return the outcome for each task, in the plan's order
     * @throws GustException if the input is bad or the output cannot be written; nothing is left behind
     * @throws InterruptedRunException if the run was cancelled; what is finished is kept for {@code resume}
     */
    public static List<TensorOutcome> write(LogicalModel model, OutputPlan plan, RunOptions options) {
        var staged = StagedOutput.open(plan.target(), options.resume(), options.overwrite());
        try (staged) {
            try {
                List<TensorOutcome> outcomes = new ModelWriter(model, plan, options).fill(staged);
                staged.commit(plan.isFolder());
                return outcomes;
            } catch (RuntimeException | Error e) {
                // A resumed run that turns out to be another one must not cost what the first had done.
                boolean keep =
                        e instanceof InterruptedRunException || (e instanceof OutputException && options.resume());
                if (!keep) {
                    discard(staged, e);
                }
                throw e;
            }
        }
    }

    private static void discard(StagedOutput staged, Throwable reason) {
        try {
            staged.discard();
        } catch (OutputException e) {
            reason.addSuppressed(e);
        }
    }

    private List<TensorOutcome> fill(StagedOutput staged) {
        boolean resumes = options.resume() && Files.exists(staged.journal());
        options.progress().begin("writing " + plan.target(), plan.bytesBefore());
        try (var journal = resumes
                        ? Journal.resume(
                                staged.journal(),
                                plan.fingerprint(),
                                plan.target().toString())
                        : Journal.begin(staged.journal(), plan.fingerprint());
                var writers = new OpenFiles(staged.content(), plan.files());
                var pool = new PiecePool(
                        options.threads(), options.cancelled(), plan.target().toString());
                var ahead = new ReadAhead(
                        model,
                        plan.tasks().stream()
                                .filter(t -> !journal.finished()
                                        .containsKey(t.source().name()))
                                .toList(),
                        ReadAhead.WINDOW)) {
            var outcomes = new ArrayList<TensorOutcome>();
            for (TensorTask task : plan.tasks()) {
                Journal.Entry earlier = journal.finished().get(task.source().name());
                ErrorSums error;
                if (earlier != null && writers.holds(earlier.writes())) {
                    error = earlier.error();
                } else {
                    Journal.Entry entry = run(task, writers, pool, ahead);
                    journal.add(entry);
                    error = entry.error();
                }
                outcomes.add(new TensorOutcome(task, error));
                options.progress().advance(task.source().name(), task.source().byteSize());
            }
            writers.force();
            writeSmallFiles(staged.content());
            return outcomes;
        } finally {
            options.progress().end();
        }
    }

    private Journal.Entry run(TensorTask task, OpenFiles writers, PiecePool pool, ReadAhead ahead) {
        float magnitude = magnitude(task.magnitudeOf(), pool);
        List<RowRange> pieces = task.pieces();
        var errors = new ErrorSums[pieces.size()];
        var writes = new ArrayList<List<Journal.Write>>();
        pieces.forEach(_ -> writes.add(new ArrayList<>()));
        try (TensorTask.OpenTask open = task.open(model, magnitude)) {
            pool.forEach(pieces.size(), (i, scratch) -> {
                TensorTask.Sink sink =
                        (tensor, offset, bytes) -> writes.get(i).add(writers.write(tensor, offset, bytes));
                errors[i] = open.run(pieces.get(i), scratch, sink);
                ahead.consumed(task.source().byteSize() / pieces.size());
            });
        }
        ahead.consumed(task.source().byteSize() % Math.max(1, pieces.size()));
        ErrorSums error = ErrorSums.NONE;
        for (ErrorSums piece : errors) {
            error = error.merge(piece);
        }
        return new Journal.Entry(
                task.source().name(),
                error,
                writes.stream().flatMap(List::stream).toList());
    }

    private float magnitude(List<LogicalTensor> tensors, PiecePool pool) {
        if (tensors.isEmpty()) {
            return 0;
        }
        Float known = magnitudes.get(tensors);
        if (known != null) {
            return known;
        }
        float largest = 0;
        for (LogicalTensor tensor : tensors) {
            largest = Math.max(largest, magnitude(tensor, pool));
        }
        magnitudes.put(tensors, largest);
        return largest;
    }

    private float magnitude(LogicalTensor tensor, PiecePool pool) {
        try (WeightReader reader = model.read(tensor)) {
            List<RowRange> pieces = RowRange.cut(tensor.shape(), reader.rowBlock());
            var found = new Magnitudes[pieces.size()];
            pool.forEach(pieces.size(), (i, scratch) -> {
                RowRange rows = pieces.get(i);
                found[i] = FiniteCheck.scan(model.source().location(), tensor, rows, reader.read(rows, scratch, 0));
            });
            float largest = 0;
            for (Magnitudes m : found) {
                largest = Math.max(largest, m.max());
            }
            return largest;
        }
    }

    private void writeSmallFiles(Path folder) {
        try {
            for (var file : plan.carried().entrySet()) {
                Files.copy(file.getValue(), folder.resolve(file.getKey()), StandardCopyOption.REPLACE_EXISTING);
            }
            for (var file : plan.texts().entrySet()) {
                Files.write(folder.resolve(file.getKey()), file.getValue());
            }
        } catch (IOException e) {
            throw OutputException.of(
                    plan.target().toString(), "cannot be written: " + e.getMessage(), "check space and permissions", e);
        }
    }

    /** The output's files, open for writing anywhere in them. */
    private static final class OpenFiles implements AutoCloseable {
        private final List<LayoutWriter> writers = new ArrayList<>();
        private final Map<String, LayoutWriter> byTensor = new HashMap<>();
        private final WriteBehind behind = new WriteBehind(WriteBehind.BATCH);

        OpenFiles(Path folder, List<OutputPlan.OutputFile> files) {
            try {
                for (OutputPlan.OutputFile file : files) {
                    var writer = LayoutWriter.open(folder.resolve(file.name()), file.layout());
                    writers.add(writer);
                    file.tensors().forEach(t -> byTensor.put(t.name(), writer));
                }
            } catch (RuntimeException e) {
                close();
                throw e;
            }
        }

        private LayoutWriter writer(String tensor) {
            return Objects.requireNonNull(byTensor.get(tensor), tensor);
        }

        Journal.Write write(TensorInfo tensor, long offset, MemorySegment bytes) {
            LayoutWriter writer = writer(tensor.name());
            writer.write(tensor.name(), offset, bytes);
            behind.wrote(writer, bytes.byteSize());
            return new Journal.Write(tensor.name(), offset, bytes.byteSize(), Checksum.of(bytes));
        }

        /** Whether the bytes of an earlier run are still what it wrote. */
        boolean holds(List<Journal.Write> writes) {
            return writes.stream().allMatch(w -> {
                LayoutWriter writer = byTensor.get(w.tensor());
                return writer != null
                        && isWithin(w, writer.placement(w.tensor()).tensor().byteSize())
                        && writer.checksum(w.tensor(), w.offset(), w.length()) == w.crc();
            });
        }

        private static boolean isWithin(Journal.Write w, long size) {
            return w.offset() >= 0 && w.length() >= 0 && w.length() <= size && w.offset() <= size - w.length();
        }

        void force() {
            behind.finish();
            writers.forEach(LayoutWriter::force);
        }

        @Override
        public void close() {
            behind.close();
            writers.forEach(LayoutWriter::close);
        }
    }
}
