package dev.gust.benchmarks;

import dev.gust.kernels.copy.GroupCopy;
import dev.gust.runtime.kernel.Grid;
import dev.gust.runtime.kernel.Kernel;
import dev.gust.runtime.kernel.KernelCall;
import dev.gust.runtime.kernel.KernelDevice;
import dev.gust.runtime.kernel.KernelPlan;
import dev.gust.runtime.kernel.KernelProgram;
import java.util.Arrays;
import java.util.List;
import uk.ac.manchester.tornado.api.KernelContext;
import uk.ac.manchester.tornado.api.TaskGraph;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;

/** How fast a device copies its own memory. */
final class DeviceCopy {
    private static final int ROUNDS = 15;

    private DeviceCopy() {}

    private record Copy(IntArray from, IntArray to) implements Kernel {
        @Override
        public void run(KernelContext context) {
            GroupCopy.copyGroups(context, from, to);
        }

        @Override
        public TaskGraph addTo(TaskGraph graph, String task, KernelContext context) {
            return graph.task(task, GroupCopy::copyGroups, context, from, to);
        }
    }

    /**
     * Bytes read and written per nanosecond of kernel time, the median of some copies.
     *
     * @param words words to copy
     */
    static double gigabytesPerSecond(KernelDevice device, int words) {
        int span = GroupCopy.LOCAL * GroupCopy.WORDS;
        int groups = Math.max(1, words / span);
        var from = new IntArray(groups * span);
        for (int i = 0; i < from.getSize(); i++) {
            from.set(i, i * 0x9e3779b9); // zeros would be kind to some memories
        }
        var to = new IntArray(groups * span);
        var call = KernelCall.tuned("copy", new Copy(from, to), Grid.ofGroups(groups, GroupCopy.LOCAL));
        var program = new KernelProgram("copy", List.of(call), List.of(from), List.of(), List.of(to));
        try (KernelPlan plan = device.prepare(program)) {
            plan.execute();
            long[] nanos = new long[ROUNDS];
            for (int i = 0; i < ROUNDS; i++) {
                nanos[i] = plan.execute().kernel();
            }
            for (int i = 0; i < to.getSize(); i++) {
                if (to.get(i) != from.get(i)) {
                    throw new IllegalStateException("word " + i + " was not copied");
                }
            }
            Arrays.sort(nanos);
            return 2.0 * to.getSize() * Integer.BYTES / nanos[ROUNDS / 2];
        }
    }
}
