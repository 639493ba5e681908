package dev.gust.quantization.pipeline;

import dev.gust.formats.InputException;
import dev.gust.formats.tensor.Shape;
import dev.gust.formats.weight.RowRange;

/** Keeps a run's buffers within a limit by letting fewer threads work. */
public final class MemoryBudget {
    /** A piece's float32 values, their scaled and restored forms, and the parts made of them. */
    private static final int COPIES = 4;

    private MemoryBudget() {}

    /**
     * Limits a run.
     *
     * @param run the run as asked for
     * @param plan what it is going to do
     * @param location the model, for the error
     * @param bytes the limit
     * @return the run with as many threads as fit
     * @throws InputException if not even one does
     */
    public static RunOptions limit(RunOptions run, OutputPlan plan, String location, long bytes) {
        long largest = 1;
        String name = "";
        for (TensorTask task : plan.tasks()) {
            long need = task instanceof CopyTask ? 0 : perThread(task);
            if (need > largest) {
                largest = need;
                name = task.source().name();
            }
        }
        if (largest > bytes) {
            throw InputException.ofTensor(
                    location,
                    name,
                    "a piece of it takes " + largest + " bytes of buffers, more than --max-memory allows",
                    "allow at least that");
        }
        int threads = (int) Math.min(run.threads(), bytes / largest);
        return new RunOptions(threads, run.resume(), run.overwrite(), run.cancelled(), run.progress());
    }

    private static long perThread(TensorTask task) {
        Shape shape = task.source().shape();
        long rows = task.pieces().stream().mapToLong(RowRange::count).max().orElse(0);
        return Math.multiplyExact(Math.multiplyExact(rows, shape.columns()), (long) COPIES * Float.BYTES);
    }
}
