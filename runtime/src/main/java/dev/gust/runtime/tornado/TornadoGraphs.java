package dev.gust.runtime.tornado;

import dev.gust.runtime.kernel.Grid;
import dev.gust.runtime.kernel.KernelCall;
import dev.gust.runtime.kernel.KernelProgram;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Set;
import uk.ac.manchester.tornado.api.GridScheduler;
import uk.ac.manchester.tornado.api.ImmutableTaskGraph;
import uk.ac.manchester.tornado.api.KernelContext;
import uk.ac.manchester.tornado.api.TaskGraph;
import uk.ac.manchester.tornado.api.TornadoExecutionPlan;
import uk.ac.manchester.tornado.api.WorkerGrid;
import uk.ac.manchester.tornado.api.WorkerGrid3D;
import uk.ac.manchester.tornado.api.common.TornadoDevice;
import uk.ac.manchester.tornado.api.enums.DataTransferMode;
import uk.ac.manchester.tornado.api.enums.TornadoDeviceType;
import uk.ac.manchester.tornado.api.types.arrays.TornadoNativeArray;

/** Makes TornadoVM's task graphs and execution plans out of programs. */
final class TornadoGraphs {
    private TornadoGraphs() {}

    /** A grid as TornadoVM keeps it, and as it was asked for. */
    record Workers(WorkerGrid theirs, Grid ours) {}

    /**
     * What was made.
     *
     * @param plan executes the graph
     * @param workers the grid of each tuned call
     * @param put the graph behind the first, if the host may replace anything that is kept
     */
    record Made(TornadoExecutionPlan plan, List<Workers> workers, PutGraph put) {
        /**
         * Whether all grids are as they were: TornadoVM changes groups that a device cannot run (on FPGAs all but 64 × 1 ×
         * 1), prints that, and a kernel that counts on its groups goes wrong.
         */
        boolean groupsAreOurs() {
            return workers.stream().allMatch(w -> {
                long[] ours = {w.ours().localX(), w.ours().localY(), w.ours().localZ()};
                return Arrays.equals(w.theirs().getLocalWork(), ours);
            });
        }
    }

    /** An execution plan of a graph with a task for each call, in their order, and of one that replaces what is kept. */
    static Made plan(KernelProgram program, TornadoDevice device) {
        Set<TornadoNativeArray> outputs = identities(program.outputs());
        Set<TornadoNativeArray> inputs = identities(program.inputs());
        Set<TornadoNativeArray> constants = identities(program.constants());
        constants.addAll(program.kept());
        constants.removeAll(inputs);
        TaskGraph graph = new TaskGraph(program.name());
        if (!constants.isEmpty()) {
            graph.transferToDevice(DataTransferMode.FIRST_EXECUTION, constants.toArray());
        }
        if (!inputs.isEmpty()) {
            graph.transferToDevice(DataTransferMode.EVERY_EXECUTION, inputs.toArray());
        }
        var grids = new GridScheduler();
        var workers = new ArrayList<Workers>();
        for (KernelCall call : program.calls()) {
            call.kernel().addTo(graph, call.name(), new KernelContext());
            call.grid().ifPresent(grid -> {
                WorkerGrid items = workers(grid);
                workers.add(new Workers(items, grid));
                grids.addWorkerGrid(program.name() + "." + call.name(), items);
            });
        }
        if (!outputs.isEmpty()) {
            graph.transferToHost(DataTransferMode.EVERY_EXECUTION, outputs.toArray());
        }
        if (!program.kept().isEmpty()) {
            graph.transferToHost(DataTransferMode.UNDER_DEMAND, program.kept().toArray());
        }
        var graphs = new ArrayList<ImmutableTaskGraph>(List.of(graph.snapshot()));
        PutGraph put = PutGraph.of(program.replaceable());
        if (!program.replaceable().isEmpty()) {
            graphs.add(put.behind(program.name()));
        }
        var plan = new TornadoExecutionPlan(graphs.toArray(ImmutableTaskGraph[]::new));
        plan.withDevice(device);
        // Through CUDA and NVIDIA's OpenCL, TornadoVM makes a portable kernel's groups as large as divide its loop, up
        // to 1024
        // work-items, whatever registers they take; the driver refuses the launch of too many.
        if (device.getDeviceType() == TornadoDeviceType.GPU) {
            plan.withDefaultScheduler();
        }
        // Without its grid a tuned kernel would run as one work-item, without an error.
        if (!grids.keySet().isEmpty()) {
            plan.withGridScheduler(grids);
        }
        return new Made(plan, List.copyOf(workers), put);
    }

    private static WorkerGrid workers(Grid grid) {
        var workers = new WorkerGrid3D(grid.globalX(), grid.globalY(), grid.globalZ());
        workers.setLocalWork(grid.localX(), grid.localY(), grid.localZ());
        return workers;
    }

    /** Arrays are the same if they are one object, whatever they hold. */
    private static Set<TornadoNativeArray> identities(List<TornadoNativeArray> arrays) {
        Set<TornadoNativeArray> set = Collections.newSetFromMap(new IdentityHashMap<>());
        set.addAll(arrays);
        return set;
    }
}
