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
 */
public record KernelProgram(
        String name,
        List<KernelCall> calls,
        List<TornadoNativeArray> constants,
        List<TornadoNativeArray> inputs,
        List<TornadoNativeArray> outputs) {
    public KernelProgram {
        calls = List.copyOf(calls);
        constants = List.copyOf(constants);
        inputs = List.copyOf(inputs);
        outputs = List.copyOf(outputs);
        if (calls.isEmpty()) {
            throw new IllegalArgumentException("a program without kernels");
        }
    }
}
