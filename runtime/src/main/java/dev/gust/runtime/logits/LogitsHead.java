package dev.gust.runtime.logits;

import dev.gust.formats.DeviceException;
import dev.gust.formats.InputException;
import dev.gust.formats.UsageException;
import dev.gust.formats.model.ModelFiles;
import dev.gust.formats.model.ModelInput;
import dev.gust.runtime.device.Device;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.SplittableRandom;

/**
 * A language model's output head on a device: the tokens of highest logit for a hidden state, probabilities, and samples.
 * Safe to use from many threads.
 *
 * <pre>{@code
 * try (Device device = Devices.open(DeviceId.AUTO);
 *         LogitsHead head = LogitsHead.load(device, "out/head.safetensors")) {
 *     TopTokens best = head.top(h, 8);
 * }
 * }</pre>
 */
public final class LogitsHead implements AutoCloseable {
    private final VqHead head;
    private final HeadPlan plan;
    private final Runnable release;

    private LogitsHead(VqHead head, HeadPlan plan, Runnable release) {
        this.head = head;
        this.plan = plan;
        this.release = release;
    }

    /** Loads a head with {@link HeadOptions#DEFAULT}. */
    public static LogitsHead load(Device device, String file) {
        return load(device, file, HeadOptions.DEFAULT);
    }

    /**
     * Loads a head. Its file stays mapped until the head is closed.
     *
     * @param device where to compute; to be closed after this
     * @param file what {@code gust vqhead} wrote; see {@link VqHeadReader}
     * @throws InputException if the file is missing or bad
     * @throws DeviceException if the device cannot run the head
     */
    public static LogitsHead load(Device device, String file, HeadOptions options) {
        ModelInput input = ModelFiles.open(file);
        try {
            VqHead head = VqHead.read(input.source());
            return new LogitsHead(head, VqLogits.prepare(device, head, options), input::close);
        } catch (RuntimeException e) {
            input.close();
            throw e;
        }
    }

    /** A head that is in memory, which has to stay there until this is closed. */
    public static LogitsHead of(Device device, VqHead head, HeadOptions options) {
        return new LogitsHead(head, VqLogits.prepare(device, head, options), () -> {});
    }

    /** What was loaded. */
    public VqHead head() {
        return head;
    }

    /**
     * The k tokens of highest logit for each hidden state.
     *
     * @param h [M, D]
     * @param k 1 to V
     * @throws UsageException if the length of h is no multiple of D, or k is out of range
     */
    public TopTokens top(float[] h, int k) {
        int m = rows(h);
        VqLogits.requireK(head, k);
        VqLogits.requireRoom(m, k);
        int[] ids = new int[m * k];
        float[] logits = new float[m * k];
        try (Arena arena = Arena.ofShared()) {
            MemorySegment idRoom = arena.allocate(ValueLayout.JAVA_INT, Math.max(1, ids.length));
            MemorySegment logitRoom = arena.allocate(ValueLayout.JAVA_FLOAT, Math.max(1, ids.length));
            plan.top(
                    arena.allocateFrom(ValueLayout.JAVA_FLOAT, h),
                    m,
                    k,
                    idRoom.asSlice(0, 4L * ids.length),
                    logitRoom.asSlice(0, 4L * ids.length));
            MemorySegment.copy(idRoom, ValueLayout.JAVA_INT, 0, ids, 0, ids.length);
            MemorySegment.copy(logitRoom, ValueLayout.JAVA_FLOAT, 0, logits, 0, ids.length);
        }
        return new TopTokens(k, ids, logits);
    }

    /** A logit for every token, [M, V], with the meaning of {@link HeadPlan#logits}. */
    public float[] logits(float[] h) {
        int m = rows(h);
        VqLogits.requireRoom(m, head.v());
        float[] logits = new float[m * head.v()];
        try (Arena arena = Arena.ofShared()) {
            MemorySegment room = arena.allocate(ValueLayout.JAVA_FLOAT, Math.max(1, logits.length));
            MemorySegment y = room.asSlice(0, 4L * logits.length);
            plan.logits(arena.allocateFrom(ValueLayout.JAVA_FLOAT, h), m, y);
            MemorySegment.copy(y, ValueLayout.JAVA_FLOAT, 0, logits, 0, logits.length);
        }
        return logits;
    }

    /** The softmax of {@link #logits}, [M, V]: exact for a dense head, else of the screen's logits for most tokens. */
    public float[] probabilities(float[] h) {
        float[] y = logits(h);
        int v = head.v();
        for (int row = 0; row < y.length / v; row++) {
            double[] p = Softmax.of(y, row * v, v, 1);
            for (int i = 0; i < v; i++) {
                y[row * v + i] = (float) p[i];
            }
        }
        return y;
    }

    /**
     * Draws a token for each hidden state from the softmax of its logits. With a top-k, these are the exact logits of the
     * tokens that the screen found; without, those of {@link #logits}.
     */
    public int[] sample(float[] h, Sampling sampling) {
        int m = rows(h);
        int[] drawn = new int[m];
        if (sampling.temperature() == 0) {
            return top(h, 1).ids();
        }
        boolean all = sampling.topK() == 0 || sampling.topK() >= head.v();
        var random = new SplittableRandom(sampling.seed());
        int count = all ? head.v() : sampling.topK();
        float[] logits;
        int[] ids;
        if (!all || sampling.topP() < 1) {
            TopTokens ordered = all ? SortedLogits.of(logits(h), head.v()) : top(h, count);
            logits = ordered.logits();
            ids = ordered.ids();
        } else {
            logits = logits(h);
            ids = new int[0];
        }
        for (int row = 0; row < m; row++) {
            double[] p = Softmax.of(logits, row * count, count, sampling.temperature());
            int kept = 0;
            for (double sum = 0; kept < count && sum < sampling.topP(); kept++) {
                sum += p[kept];
            }
            int place = Softmax.draw(p, sampling.topP() < 1 ? kept : count, random.nextDouble());
            drawn[row] = ids.length == 0 ? place : ids[row * count + place];
        }
        return drawn;
    }

    private int rows(float[] h) {
        if (h.length % head.d() != 0) {
            throw new UsageException(
                    h.length + " numbers for a head of hidden states of " + head.d(), "give M rows of that many");
        }
        return h.length / head.d();
    }

    @Override
    public void close() {
        try {
            plan.close();
        } finally {
            release.run();
        }
    }
}
