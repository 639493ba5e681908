package dev.gust.quantization.vq;

import dev.gust.quantization.pipeline.Progress;
import dev.gust.runtime.codebook.AssignPlan;
import dev.gust.runtime.codebook.KmeansAssign;
import dev.gust.runtime.device.Device;
import dev.gust.runtime.jvm.JvmDevice;
import dev.gust.runtime.jvm.RowTask;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Optional;
import java.util.concurrent.CancellationException;
import java.util.function.BooleanSupplier;

/**
 * Where and how codebooks are trained; none of it but the kind of device changes a digit of the result.
 *
 * @param device where nearest centroids are searched
 * @param host whose threads do the rest
 * @param threads most threads
 * @param memory what results live in; to be shared between threads
 * @param cancelled asked now and then; once true the work stops
 * @param progress told of bytes of rows that were gone through
 */
public record TrainingRun(
        Device device, JvmDevice host, int threads, Arena memory, BooleanSupplier cancelled, Progress progress) {
    /** Elements that a device takes at a time, so that its arrays stay well within their bounds. */
    private static final long BLOCK = 1L << 28;

    /** All threads of the jvm device, never cancelled. */
    public static TrainingRun on(JvmDevice host, Arena memory) {
        return new TrainingRun(host, host, 0, memory, () -> false, Progress.NONE);
    }

    TrainingRun with(Arena other) {
        return new TrainingRun(device, host, threads, other, cancelled, progress);
    }

    /** The same for a part of the work, which says nothing of how far it is. */
    TrainingRun part(Arena other) {
        return new TrainingRun(device, host, threads, other, cancelled, Progress.NONE);
    }

    /**
     * Ends the work if that is asked for.
     *
     * @throws CancellationException if it is
     */
    void proceed() {
        if (cancelled.getAsBoolean()) {
            throw new CancellationException("interrupted; nothing was written");
        }
    }

    /** Work on rows that do not depend on one another, by the host's threads. */
    void forRows(long count, long grain, RowTask task) {
        host.forRows(count, grain, host.threads(threads), task);
    }

    /** Rows made ready for the search of their nearest centroids. */
    AssignPlan search(Vectors x, int codes) {
        return new KmeansAssign(x.count(), x.length(), codes).prepare(device, x.data(), threads, Optional.empty());
    }

    /** The nearest centroid of each row, and how far it is. */
    Nearest nearest(Vectors x, Vectors centroids) {
        Nearest found = Nearest.room(memory, x.count());
        int most = (int) Math.max(1, BLOCK / x.length());
        for (int first = 0; first < x.count(); first += most) {
            proceed();
            int rows = Math.min(most, x.count() - first);
            try (AssignPlan plan = search(x.rows(first, rows), centroids.count())) {
                found.rows(first, rows).fill(plan, 0, centroids);
            }
        }
        return found;
    }

    /**
     * What a search found.
     *
     * @param ids int32 [rows]
     * @param distances float32 [rows], squared
     */
    record Nearest(MemorySegment ids, MemorySegment distances) {
        static Nearest room(Arena memory, int rows) {
            long bytes = 4L * rows;
            return new Nearest(
                    memory.allocate(Math.max(1, bytes), 64).asSlice(0, bytes),
                    memory.allocate(Math.max(1, bytes), 64).asSlice(0, bytes));
        }

        Nearest rows(int first, int rows) {
            return new Nearest(ids.asSlice(4L * first, 4L * rows), distances.asSlice(4L * first, 4L * rows));
        }

        /** Searches for as many rows as there is room for. */
        void fill(AssignPlan plan, int first, Vectors centroids) {
            plan.assign(first, rows(), centroids.data(), centroids.count(), ids, distances);
        }

        int rows() {
            return (int) (ids.byteSize() / 4);
        }

        int id(int row) {
            return ids.getAtIndex(Vectors.I32, row);
        }

        float distance(int row) {
            return distances.getAtIndex(Vectors.F32, row);
        }

        void set(int row, int id, float distance) {
            ids.setAtIndex(Vectors.I32, row, id);
            distances.setAtIndex(Vectors.F32, row, distance);
        }

        /** The sum of distances, always in the same order. */
        double error() {
            double sum = 0;
            for (int row = 0; row < rows(); row++) {
                sum += distance(row);
            }
            return sum;
        }

        int[] sizes(int codes) {
            int[] sizes = new int[codes];
            for (int row = 0; row < rows(); row++) {
                sizes[id(row)]++;
            }
            return sizes;
        }
    }
}
