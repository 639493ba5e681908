package dev.gust.runtime.kernel;

import java.util.ArrayList;
import java.util.List;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.TornadoNativeArray;

/**
 * Kernels that run one after another on the same arrays, and which of these move when.
 *
 * @param name for errors and profiles: letters and digits
 * @param calls the kernels
 * @param constants arrays that go to the device once: weights, tables
 * @param inputs arrays that go to the device at every execution
 * @param outputs arrays that come back at every execution; every element is written
 * @param kept arrays that go to the device once and live there from one execution to the next: states, and what kernels
 *     hand to those behind them; {@link KernelPlan#fetch} brings one back
 * @param replaceable those among them in which {@link KernelPlan#put} may put something else
 */
public record KernelProgram(
        String name,
        List<KernelCall> calls,
        List<TornadoNativeArray> constants,
        List<TornadoNativeArray> inputs,
        List<TornadoNativeArray> outputs,
        List<TornadoNativeArray> kept,
        List<FloatArray> replaceable) {
    /** A program that keeps nothing. */
    public KernelProgram(
            String name,
            List<KernelCall> calls,
            List<TornadoNativeArray> constants,
            List<TornadoNativeArray> inputs,
            List<TornadoNativeArray> outputs) {
        this(name, calls, constants, inputs, outputs, List.of());
    }

    /** A program of whose kept arrays the host replaces nothing. */
    public KernelProgram(
            String name,
            List<KernelCall> calls,
            List<TornadoNativeArray> constants,
            List<TornadoNativeArray> inputs,
            List<TornadoNativeArray> outputs,
            List<TornadoNativeArray> kept) {
        this(name, calls, constants, inputs, outputs, kept, List.of());
    }

    public KernelProgram {
        calls = List.copyOf(calls);
        constants = List.copyOf(constants);
        inputs = List.copyOf(inputs);
        outputs = List.copyOf(outputs);
        kept = List.copyOf(kept);
        replaceable = List.copyOf(replaceable);
        for (FloatArray array : replaceable) {
            requireAmong(kept, array, name);
        }
        if (calls.isEmpty()) {
            throw new IllegalArgumentException("a program without kernels");
        }
    }

    /** The same program, of whose kept arrays the host may replace one. */
    public KernelProgram withReplaceable(FloatArray array) {
        var more = new ArrayList<>(replaceable);
        more.add(array);
        return new KernelProgram(name, calls, constants, inputs, outputs, kept, more);
    }

    /**
     * Checks that an array is one of those that are kept: that very object, whatever it holds.
     *
     * @throws IllegalArgumentException if it is not
     */
    public void requireKept(TornadoNativeArray array) {
        requireAmong(kept, array, name);
    }

    /**
     * Checks that an array may be replaced, and that it is as long as what is put there.
     *
     * @throws IllegalArgumentException if it may not, or is too short
     */
    public void requireReplaceable(FloatArray array, int elements) {
        requireAmong(replaceable, array, name);
        if (elements < 0 || elements > array.getSize()) {
            throw new IllegalArgumentException(
                    elements + " elements to be put into an array of " + array.getSize() + " of program " + name);
        }
    }

    private static void requireAmong(
            List<? extends TornadoNativeArray> arrays, TornadoNativeArray array, String program) {
        if (arrays.stream().noneMatch(k -> k == array)) {
            throw new IllegalArgumentException("program " + program + " does not keep that array");
        }
    }
}
