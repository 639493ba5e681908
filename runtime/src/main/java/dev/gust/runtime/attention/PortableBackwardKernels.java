package dev.gust.runtime.attention;

import dev.gust.kernels.attention.DeltaForm;
import dev.gust.kernels.attention.DeltaGradient;
import dev.gust.kernels.attention.PortableDecaySums;
import dev.gust.kernels.attention.PortableDeltaBackward;
import dev.gust.kernels.attention.PortableDeltaRows;
import dev.gust.kernels.attention.PortableDeltaSums;
import dev.gust.runtime.attention.DeltaStep.Decay;
import dev.gust.runtime.attention.DeltaStep.Erase;
import dev.gust.runtime.attention.DeltaStep.Normalize;
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

/** The gradients of the delta step by portable kernels. */
final class PortableBackwardKernels {
    private PortableBackwardKernels() {}

    static KernelProgram of(DeltaGradientArrays a, NativeArrays memory, DecayGradient decays) {
        DeltaArrays given = a.own();
        BackwardScratch s = BackwardScratch.of(a, memory);
        var calls = new ArrayList<KernelCall>();
        var kept = new ArrayList<TornadoNativeArray>(s.arrays());
        DeltaArrays x = NormalizedKeys.of(given, memory, calls, kept);
        calls.add(KernelCall.portable("written", new Written(x, s)));
        calls.add(KernelCall.portable("targets", new Targets(x, a, s)));
        boolean summed = decays == DecayGradient.SUMS && given.step().decay() != Decay.NONE;
        calls.add(KernelCall.portable(
                "keyRows", new Rows(x, a, s, x.step().bits() | (summed ? DeltaForm.SUMMED_DECAY : 0))));
        if (summed) {
            calls.add(KernelCall.portable("decaySums", new DecaySums(x, s)));
        }
        sums(a, s, calls);
        var inputs = new ArrayList<>(given.inputs());
        inputs.addAll(List.of(given.state(), a.dO(), a.dState()));
        return new KernelProgram("deltaBackward", calls, given.constants(), inputs, a.outputs(), kept);
    }

    /** What is left to be summed. The vectors are those that the call brought: lengths are differentiated, too. */
    private static void sums(DeltaGradientArrays a, BackwardScratch s, List<KernelCall> calls) {
        DeltaArrays x = a.own();
        DeltaSizes sizes = x.sizes();
        Normalize normalize = x.step().normalize();
        int none = DeltaGradient.NO_SECTION;
        int alsoErases = x.step().erase() == Erase.WRITE_KEY ? DeltaGradient.ERASE : none;
        calls.add(KernelCall.portable(
                "querySums",
                new KeySumsKernel(
                        x.places(),
                        x.q(),
                        s.rows(),
                        a.dQ(),
                        DeltaGradient.QUERY,
                        none,
                        sizes.queryHeads(),
                        normalize == Normalize.NONE ? 0 : 1)));
        if (normalize != Normalize.BY_ERASE_KEY) {
            calls.add(KernelCall.portable(
                    "keySums", keys(x, x.k(), s, a.dK(), DeltaGradient.KEY, alsoErases, sizes.keyHeads())));
        }
        if (x.step().ownKey() && normalize != Normalize.BY_WRITE_KEY) {
            calls.add(KernelCall.portable(
                    "eraseSums", keys(x, x.e(), s, a.dE(), DeltaGradient.ERASE, none, sizes.eraseHeads())));
        }
        if (normalize == Normalize.BY_WRITE_KEY) {
            calls.add(KernelCall.portable(
                    "sharedLength",
                    new SharedLengthKernel(
                            x.places(),
                            x.k(),
                            x.e(),
                            s.rows(),
                            a.dK(),
                            a.dE(),
                            DeltaGradient.ERASE,
                            sizes.keyHeads())));
        }
        if (normalize == Normalize.BY_ERASE_KEY) {
            calls.add(KernelCall.portable(
                    "sharedLength",
                    new SharedLengthKernel(
                            x.places(),
                            x.e(),
                            x.k(),
                            s.rows(),
                            a.dE(),
                            a.dK(),
                            DeltaGradient.KEY,
                            sizes.eraseHeads())));
        }
        if (x.step().beta()) {
            calls.add(KernelCall.portable("betaSums", new BetaSums(x, s, a.dBeta())));
        }
        switch (x.step().decay()) {
            case NONE -> {}
            case HEAD -> {
                calls.add(KernelCall.portable("lineSums", new LineSums(x, s, s.lines())));
                calls.add(KernelCall.portable("headSums", new HeadSums(x, s, a.dG())));
            }
            case TOKEN -> calls.add(KernelCall.portable("lineSums", new LineSums(x, s, a.dG())));
            case CHANNEL -> calls.add(KernelCall.portable("channels", new Channels(x, s, a.dG())));
        }
    }

    private static Kernel keys(
            DeltaArrays x, FloatArray keys, BackwardScratch s, FloatArray to, int section, int other, int heads) {
        return new KeySumsKernel(
                x.places(),
                keys,
                s.rows(),
                to,
                section,
                other,
                heads,
                x.step().normalize().keys() ? 1 : 0);
    }

    private static int columns(DeltaArrays x) {
        return x.sizes().sequences() * x.sizes().valueHeads() * x.sizes().valueDim();
    }

    private static int lines(DeltaArrays x) {
        return x.sizes().tokens() * x.sizes().valueHeads();
    }

    private record Written(DeltaArrays x, BackwardScratch s) implements Kernel {
        @Override
        public void run(KernelContext context) {
            PortableDeltaBackward.writtenPortable(
                    x.shape(),
                    x.sequences(),
                    x.k(),
                    x.e(),
                    x.v(),
                    x.beta(),
                    x.g(),
                    x.state(),
                    s.starts(),
                    s.errors(),
                    s.written(),
                    x.step().bits(),
                    columns(x));
        }

        @Override
        public TaskGraph addTo(TaskGraph graph, String task, KernelContext context) {
            return graph.task(
                    task,
                    PortableDeltaBackward::writtenPortable,
                    x.shape(),
                    x.sequences(),
                    x.k(),
                    x.e(),
                    x.v(),
                    x.beta(),
                    x.g(),
                    x.state(),
                    s.starts(),
                    s.errors(),
                    s.written(),
                    x.step().bits(),
                    columns(x));
        }
    }

    private record Targets(DeltaArrays x, DeltaGradientArrays a, BackwardScratch s) implements Kernel {
        @Override
        public void run(KernelContext context) {
            PortableDeltaBackward.targetsPortable(
                    x.shape(),
                    x.sequences(),
                    x.q(),
                    x.k(),
                    x.e(),
                    x.beta(),
                    x.g(),
                    a.dO(),
                    a.dState(),
                    s.ends(),
                    s.dWritten(),
                    a.dV(),
                    x.step().bits(),
                    x.step().scale(),
                    columns(x));
        }

        @Override
        public TaskGraph addTo(TaskGraph graph, String task, KernelContext context) {
            return graph.task(
                    task,
                    PortableDeltaBackward::targetsPortable,
                    x.shape(),
                    x.sequences(),
                    x.q(),
                    x.k(),
                    x.e(),
                    x.beta(),
                    x.g(),
                    a.dO(),
                    a.dState(),
                    s.ends(),
                    s.dWritten(),
                    a.dV(),
                    x.step().bits(),
                    x.step().scale(),
                    columns(x));
        }
    }

    private record Rows(DeltaArrays x, DeltaGradientArrays a, BackwardScratch s, int form) implements Kernel {
        private int count() {
            return a.chunks() * x.sizes().valueHeads() * x.sizes().keyDim();
        }

        @Override
        public void run(KernelContext context) {
            PortableDeltaRows.keyRowsPortable(
                    x.shape(),
                    x.chunks(),
                    x.q(),
                    x.k(),
                    x.e(),
                    x.g(),
                    s.written(),
                    a.dO(),
                    a.dV(),
                    s.starts(),
                    s.ends(),
                    s.rows(),
                    form,
                    x.step().scale(),
                    count());
        }

        @Override
        public TaskGraph addTo(TaskGraph graph, String task, KernelContext context) {
            return graph.task(
                    task,
                    PortableDeltaRows::keyRowsPortable,
                    x.shape(),
                    x.chunks(),
                    x.q(),
                    x.k(),
                    x.e(),
                    x.g(),
                    s.written(),
                    a.dO(),
                    a.dV(),
                    s.starts(),
                    s.ends(),
                    s.rows(),
                    form,
                    x.step().scale(),
                    count());
        }
    }

    private record DecaySums(DeltaArrays x, BackwardScratch s) implements Kernel {
        private int lines() {
            return x.sizes().sequences() * x.sizes().valueHeads() * x.sizes().keyDim();
        }

        @Override
        public void run(KernelContext context) {
            PortableDecaySums.deltaDecaySumsPortable(
                    x.shape(),
                    x.sequences(),
                    x.q(),
                    x.k(),
                    x.e(),
                    x.state(),
                    s.ends(),
                    s.rows(),
                    x.step().bits(),
                    lines());
        }

        @Override
        public TaskGraph addTo(TaskGraph graph, String task, KernelContext context) {
            return graph.task(
                    task,
                    PortableDecaySums::deltaDecaySumsPortable,
                    x.shape(),
                    x.sequences(),
                    x.q(),
                    x.k(),
                    x.e(),
                    x.state(),
                    s.ends(),
                    s.rows(),
                    x.step().bits(),
                    lines());
        }
    }

    private record BetaSums(DeltaArrays x, BackwardScratch s, FloatArray to) implements Kernel {
        @Override
        public void run(KernelContext context) {
            PortableDeltaSums.betaSumsPortable(x.shape(), s.errors(), s.dWritten(), to, lines(x));
        }

        @Override
        public TaskGraph addTo(TaskGraph graph, String task, KernelContext context) {
            return graph.task(
                    task, PortableDeltaSums::betaSumsPortable, x.shape(), s.errors(), s.dWritten(), to, lines(x));
        }
    }

    private record LineSums(DeltaArrays x, BackwardScratch s, FloatArray to) implements Kernel {
        @Override
        public void run(KernelContext context) {
            PortableDeltaSums.lineSumsPortable(x.shape(), s.rows(), to, lines(x));
        }

        @Override
        public TaskGraph addTo(TaskGraph graph, String task, KernelContext context) {
            return graph.task(task, PortableDeltaSums::lineSumsPortable, x.shape(), s.rows(), to, lines(x));
        }
    }

    private record HeadSums(DeltaArrays x, BackwardScratch s, FloatArray to) implements Kernel {
        @Override
        public void run(KernelContext context) {
            PortableDeltaSums.headSumsPortable(
                    x.shape(), s.lines(), to, x.sizes().valueHeads());
        }

        @Override
        public TaskGraph addTo(TaskGraph graph, String task, KernelContext context) {
            return graph.task(
                    task,
                    PortableDeltaSums::headSumsPortable,
                    x.shape(),
                    s.lines(),
                    to,
                    x.sizes().valueHeads());
        }
    }

    private record Channels(DeltaArrays x, BackwardScratch s, FloatArray to) implements Kernel {
        @Override
        public void run(KernelContext context) {
            PortableDeltaSums.channelsPortable(
                    x.shape(), s.rows(), to, lines(x) * x.sizes().keyDim());
        }

        @Override
        public TaskGraph addTo(TaskGraph graph, String task, KernelContext context) {
            return graph.task(
                    task,
                    PortableDeltaSums::channelsPortable,
                    x.shape(),
                    s.rows(),
                    to,
                    lines(x) * x.sizes().keyDim());
        }
    }
}
