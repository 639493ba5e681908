package dev.gust.runtime.lowrank;

import dev.gust.runtime.kernel.KernelDevice;
import dev.gust.runtime.kernel.KernelPlan;
import dev.gust.runtime.kernel.KernelProgram;
import dev.gust.runtime.kernel.KernelTimes;
import dev.gust.runtime.matmul.MatmulPlan;
import dev.gust.runtime.matmul.MatmulSizes;
import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;

/**
 * An operator on tokens by kernels. Sizes of arrays are constants of a compiled kernel, so there is a program for each of a
 * few numbers that T is rounded up to, made when it is first needed; more tokens go through in parts.
 */
final class TokenPrograms implements MatmulPlan {
    /** What every call looks like before anything runs. */
    interface Check {
        void check(MemorySegment x, int tokens, MemorySegment y);
    }

    /** Makes the program for so many tokens. */
    interface Builder {
        Built build(int capacity);
    }

    /**
     * A program with what changes from call to call.
     *
     * @param x [capacity, N]
     * @param y [capacity, M]
     * @param shapes arrays whose first number is the tokens in use
     * @param ids [capacity], a number for each token; one if the operator has none
     */
    record Built(KernelProgram program, FloatArray x, FloatArray y, List<IntArray> shapes, IntArray ids) {}

    private record Ready(Built built, KernelPlan plan) {}

    private final KernelDevice device;
    private final String name;
    private final long n;
    private final long m;
    private final int[] capacities;
    private final Builder builder;
    private final Check check;
    private final Map<Integer, Ready> ready = new TreeMap<>();
    private boolean closed;

    /**
     * @param name for errors
     * @param n numbers of x to a token
     * @param m numbers of y to a token
     * @param capacities what T is rounded up to, ascending
     */
    TokenPrograms(KernelDevice device, String name, long n, long m, int[] capacities, Builder builder, Check check) {
        this.device = device;
        this.name = name;
        this.n = n;
        this.m = m;
        this.capacities = capacities.clone();
        this.builder = builder;
        this.check = check;
    }

    @Override
    public KernelTimes multiply(MemorySegment x, int tokens, MemorySegment y) {
        return run(x, MemorySegment.NULL, tokens, y, false);
    }

    /**
     * Runs it.
     *
     * @param ids a number for each token, int32; nothing if the operator has none
     * @param adds whether results are added to what y holds
     */
    synchronized KernelTimes run(MemorySegment x, MemorySegment ids, int tokens, MemorySegment y, boolean adds) {
        if (closed) {
            throw new IllegalStateException("the plan for '" + name + "' is closed");
        }
        MatmulSizes.check(name, m, n, x, tokens, y);
        check.check(x, tokens, y);
        long start = System.nanoTime();
        long kernel = 0;
        long transfer = 0;
        long compile = 0;
        int most = capacities[capacities.length - 1];
        for (int first = 0; first < tokens; first += most) {
            KernelTimes times = part(x, ids, first, Math.min(most, tokens - first), y, adds);
            kernel += times.kernel();
            transfer += times.transfer();
            compile += times.compile();
        }
        return new KernelTimes(kernel, transfer, compile, System.nanoTime() - start);
    }

    private KernelTimes part(MemorySegment x, MemorySegment ids, int first, int tokens, MemorySegment y, boolean adds) {
        Ready found = ready.computeIfAbsent(roundUp(tokens), this::make);
        Built built = found.built();
        built.shapes().forEach(shape -> shape.set(0, tokens));
        MemorySegment.copy(x, first * n * Float.BYTES, built.x().getSegment(), 0, tokens * n * Float.BYTES);
        if (ids.byteSize() > 0) {
            MemorySegment.copy(
                    ids, (long) first * Integer.BYTES, built.ids().getSegment(), 0, (long) tokens * Integer.BYTES);
        }
        device.copies().add(tokens * n * Float.BYTES);
        KernelTimes times = found.plan().execute();
        MemorySegment result = built.y().getSegment();
        if (adds) {
            for (long i = 0; i < tokens * m; i++) {
                long at = (first * m + i) * Float.BYTES;
                y.set(Layouts.FLOAT, at, y.get(Layouts.FLOAT, at) + built.y().get((int) i));
            }
        } else {
            MemorySegment.copy(result, 0, y, first * m * Float.BYTES, tokens * m * Float.BYTES);
        }
        device.copies().add(tokens * m * Float.BYTES);
        return times;
    }

    private Ready make(int capacity) {
        Built built = builder.build(capacity);
        return new Ready(built, device.prepare(built.program()));
    }

    private int roundUp(int tokens) {
        int i = 0;
        while (capacities[i] < tokens) {
            i++;
        }
        return capacities[i];
    }

    @Override
    public synchronized void close() {
        closed = true;
        ready.values().forEach(r -> r.plan().close());
        ready.clear();
    }
}
