package dev.gust.runtime.kernel;

import java.util.List;
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
 */
public record KernelProgram(
        String name,
        List<KernelCall> calls,
        List<TornadoNativeArray> constants,
        List<TornadoNativeArray> inputs,
        List<TornadoNativeArray> outputs,
        List<TornadoNativeArray> kept) {
    /** A program that keeps nothing. */
    public KernelProgram(
            String name,
            List<KernelCall> calls,
            List<TornadoNativeArray> constants,
            List<TornadoNativeArray> inputs,
            List<TornadoNativeArray> outputs) {
        this(name, calls, constants, inputs, outputs, List.of());
    }

    public KernelProgram {
        calls = List.copyOf(calls);
        constants = List.copyOf(constants);
        inputs = List.copyOf(inputs);
        outputs = List.copyOf(outputs);
        kept = List.copyOf(kept);
        if (calls.isEmpty()) {
            throw new IllegalArgumentException("a program without kernels");
        }
    }

    /**
     * Checks that an array is one of those that are kept: that very object, whatever it holds.
     *
     * @throws IllegalArgumentException if it is not
     */
    public void requireKept(TornadoNativeArray array) {
        if (kept.stream().noneMatch(k -> k == array)) {
            throw new IllegalArgumentException("program " + name + " does not keep that array");
        }
    }
}
