package dev.gust.runtime.attention;

import dev.gust.kernels.attention.DeltaGradient;
import dev.gust.kernels.attention.DplrGradient;
import dev.gust.kernels.attention.PortableDecaySums;
import dev.gust.kernels.attention.PortableDplrBackward;
import dev.gust.kernels.attention.PortableDplrRows;
import dev.gust.runtime.kernel.Kernel;
import dev.gust.runtime.kernel.KernelCall;
import dev.gust.runtime.kernel.KernelProgram;
import dev.gust.runtime.kernel.NativeArrays;
import java.util.ArrayList;
import java.util.List;
import uk.ac.manchester.tornado.api.KernelContext;
import uk.ac.manchester.tornado.api.TaskGraph;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.TornadoNativeArray;

/** The gradients of a step of diagonal plus low rank by portable kernels. */
final class DplrBackwardKernels {
    private DplrBackwardKernels() {}

    static KernelProgram of(DplrGradientArrays a, NativeArrays memory, DecayGradient decays) {
        DplrArrays given = a.own();
        BackwardRoom room = BackwardRoom.of(given, memory);
        var calls = new ArrayList<KernelCall>();
        var kept = new ArrayList<TornadoNativeArray>(room.arrays());
        DplrArrays x = given.step().normalizes() ? DplrKernels.normalize(given, memory, calls, kept) : given;
        calls.add(KernelCall.portable("held", new Held(x, room)));
        calls.add(KernelCall.portable("dplrTargets", new Targets(x, a, room)));
        calls.add(KernelCall.portable("dplrRows", new Rows(x, a, room)));
        if (decays == DecayGradient.SUMS && given.step().decays()) {
            calls.add(KernelCall.portable("dplrDecaySums", new DecaySums(x, room)));
        }
        // The vectors are those that the call brought: lengths are differentiated, too.
        int unit = given.step().normalizes() ? 1 : 0;
        DeltaSizes sizes = given.sizes();
        int heads = sizes.valueHeads();
        sum("querySums", given, room, given.q(), a.dQ(), DplrGradient.QUERY, sizes.queryHeads(), unit, calls);
        sum("keySums", given, room, given.k(), a.dK(), DplrGradient.KEY, sizes.keyHeads(), unit, calls);
        sum("readSums", given, room, given.a(), a.dA(), DplrGradient.A, heads, 0, calls);
        sum("writeSums", given, room, given.b(), a.dB(), DplrGradient.B, heads, 0, calls);
        if (given.step().decays()) {
            sum("decaySums", given, room, given.g(), a.dG(), DplrGradient.DECAY, heads, 0, calls);
        }
        var inputs = new ArrayList<>(given.inputs());
        inputs.addAll(List.of(given.state(), a.dO(), a.dState()));
        return new KernelProgram("dplrBackward", calls, given.constants(), inputs, a.outputs(), kept);
    }

    private static void sum(
            String name,
            DplrArrays x,
            BackwardRoom room,
            FloatArray keys,
            FloatArray to,
            int section,
            int heads,
            int unit,
            List<KernelCall> calls) {
        calls.add(KernelCall.portable(
                name,
                new KeySumsKernel(x.places(), keys, room.rows(), to, section, DeltaGradient.NO_SECTION, heads, unit)));
    }

    /** What the kernels hand on; see {@link DplrGradient}. */
    private record BackwardRoom(FloatArray boundaries, FloatArray carried, FloatArray rows) {
        static BackwardRoom of(DplrArrays x, NativeArrays memory) {
            DeltaSizes sizes = x.sizes();
            return new BackwardRoom(
                    memory.floats(2L * x.places().mostChunks() * sizes.stateElements(1)),
                    memory.floats(2 * sizes.valueElements(sizes.tokens())),
                    memory.floats(DplrGradient.SECTIONS * DplrOperands.channels(sizes, sizes.tokens())));
        }

        List<TornadoNativeArray> arrays() {
            return List.of(boundaries, carried, rows);
        }
    }

    private record Held(DplrArrays x, BackwardRoom room) implements Kernel {
        @Override
        public void run(KernelContext context) {
            PortableDplrBackward.heldPortable(
                    x.places().shape(),
                    x.places().sequences(),
                    x.k(),
                    x.v(),
                    x.a(),
                    x.b(),
                    x.g(),
                    x.state(),
                    room.boundaries(),
                    room.carried(),
                    x.step().decayBits(),
                    x.columns());
        }

        @Override
        public TaskGraph addTo(TaskGraph graph, String task, KernelContext context) {
            return graph.task(
                    task,
                    PortableDplrBackward::heldPortable,
                    x.places().shape(),
                    x.places().sequences(),
                    x.k(),
                    x.v(),
                    x.a(),
                    x.b(),
                    x.g(),
                    x.state(),
                    room.boundaries(),
                    room.carried(),
                    x.step().decayBits(),
                    x.columns());
        }
    }

    private record Targets(DplrArrays x, DplrGradientArrays a, BackwardRoom room) implements Kernel {
        @Override
        public void run(KernelContext context) {
            PortableDplrBackward.dplrTargetsPortable(
                    x.places().shape(),
                    x.places().sequences(),
                    x.q(),
                    x.k(),
                    x.a(),
                    x.b(),
                    x.g(),
                    a.dO(),
                    a.dState(),
                    room.boundaries(),
                    room.carried(),
                    a.dV(),
                    x.step().decayBits(),
                    x.step().scale(),
                    x.columns());
        }

        @Override
        public TaskGraph addTo(TaskGraph graph, String task, KernelContext context) {
            return graph.task(
                    task,
                    PortableDplrBackward::dplrTargetsPortable,
                    x.places().shape(),
                    x.places().sequences(),
                    x.q(),
                    x.k(),
                    x.a(),
                    x.b(),
                    x.g(),
                    a.dO(),
                    a.dState(),
                    room.boundaries(),
                    room.carried(),
                    a.dV(),
                    x.step().decayBits(),
                    x.step().scale(),
                    x.columns());
        }
    }

    private record Rows(DplrArrays x, DplrGradientArrays a, BackwardRoom room) implements Kernel {
        private int count() {
            return x.places().mostChunks() * x.sizes().valueHeads() * x.sizes().keyDim();
        }

        @Override
        public void run(KernelContext context) {
            PortableDplrRows.dplrRowsPortable(
                    x.places().shape(),
                    x.places().chunks(),
                    x.q(),
                    x.k(),
                    x.v(),
                    x.a(),
                    x.b(),
                    x.g(),
                    a.dO(),
                    room.boundaries(),
                    room.carried(),
                    room.rows(),
                    x.step().decayBits(),
                    x.step().scale(),
                    count());
        }

        @Override
        public TaskGraph addTo(TaskGraph graph, String task, KernelContext context) {
            return graph.task(
                    task,
                    PortableDplrRows::dplrRowsPortable,
                    x.places().shape(),
                    x.places().chunks(),
                    x.q(),
                    x.k(),
                    x.v(),
                    x.a(),
                    x.b(),
                    x.g(),
                    a.dO(),
                    room.boundaries(),
                    room.carried(),
                    room.rows(),
                    x.step().decayBits(),
                    x.step().scale(),
                    count());
        }
    }

    private record DecaySums(DplrArrays x, BackwardRoom room) implements Kernel {
        private int count() {
            return x.sizes().sequences() * x.lines();
        }

        @Override
        public void run(KernelContext context) {
            PortableDecaySums.dplrDecaySumsPortable(
                    x.places().shape(),
                    x.places().sequences(),
                    x.q(),
                    x.k(),
                    x.a(),
                    x.b(),
                    x.state(),
                    room.boundaries(),
                    room.rows(),
                    count());
        }

        @Override
        public TaskGraph addTo(TaskGraph graph, String task, KernelContext context) {
            return graph.task(
                    task,
                    PortableDecaySums::dplrDecaySumsPortable,
                    x.places().shape(),
                    x.places().sequences(),
                    x.q(),
                    x.k(),
                    x.a(),
                    x.b(),
                    x.state(),
                    room.boundaries(),
                    room.rows(),
                    count());
        }
    }
}
