package dev.gust.runtime.emulator;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.gust.formats.DeviceException;
import dev.gust.runtime.device.DeviceId;
import dev.gust.runtime.emulator.Launches.HostKernel;
import dev.gust.runtime.kernel.Grid;
import dev.gust.runtime.kernel.KernelPlan;
import dev.gust.runtime.kernel.KernelStyle;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import uk.ac.manchester.tornado.api.KernelContext;
import uk.ac.manchester.tornado.api.types.arrays.DoubleArray;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;
import uk.ac.manchester.tornado.api.types.arrays.LongArray;
import uk.ac.manchester.tornado.api.types.collections.VectorFloat4;

/** What kernels compute, on one thread and on several. */
class EmulatorDeviceTest {
    @ParameterizedTest
    @ValueSource(ints = {1, 3})
    void transposesByTiles(int threads) {
        int rows = 37;
        int columns = 19;
        var in = new IntArray(rows * columns);
        var out = new IntArray(rows * columns);
        var shape = IntArray.fromElements(rows, columns);
        for (int i = 0; i < in.getSize(); i++) {
            in.set(i, i + 1);
        }
        int t = SampleKernels.TILE;
        try (var device = new EmulatorDevice(threads)) {
            Launches.run(
                    device,
                    new HostKernel() {
                        @Override
                        public void run(KernelContext context) {
                            SampleKernels.transposeTiles(context, in, out, shape);
                        }
                    },
                    Grid.ofGroups(Math.ceilDiv(columns, t), Math.ceilDiv(rows, t), t, t));
        }
        for (int i = 0; i < in.getSize(); i++) {
            assertThat(out.get(i)).isEqualTo(in.get(i % rows * columns + i / rows));
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 3})
    void helpersMayMeetBarriersInTheMidstOfAnExpression(int threads) {
        int local = 64;
        int groups = 11;
        var random = new SplittableRandom(5);
        var in = new DoubleArray(groups * local);
        for (int i = 0; i < in.getSize(); i++) {
            in.set(i, random.nextInt(1000));
        }
        var out = new DoubleArray(groups);
        try (var device = new EmulatorDevice(threads)) {
            Launches.run(
                    device,
                    new HostKernel() {
                        @Override
                        public void run(KernelContext context) {
                            SampleKernels.sumGroups(context, in, out, local);
                        }
                    },
                    Grid.ofGroups(groups, local));
        }
        for (int g = 0; g < groups; g++) {
            double sum = 0;
            for (int i = 0; i < local; i++) {
                sum += in.get(g * local + i);
            }
            assertThat(out.get(g)).isEqualTo(1 + 3 * sum - 2 * sum);
        }
    }

    @Test
    void variablesOutliveBarriers() {
        int local = 40;
        var values = new LongArray(2 * local);
        var times = IntArray.fromElements(7);
        for (int i = 0; i < values.getSize(); i++) {
            values.set(i, (1L << 40) + i);
        }
        try (var device = new EmulatorDevice();
                KernelPlan plan = Launches.plan(
                        device,
                        new HostKernel() {
                            @Override
                            public void run(KernelContext context) {
                                SampleKernels.rotate(context, values, times, local);
                            }
                        },
                        Grid.ofGroups(2, local))) {
            plan.execute();
            times.set(0, 4);
            plan.execute();
        }
        for (int i = 0; i < values.getSize(); i++) {
            assertThat(values.get(i)).isEqualTo((1L << 40) + (long) (i / local) * local + (i % local + 11) % local);
        }
    }

    @Test
    void tellsWorkItemsWhoTheyAreInThreeDimensions() {
        var grid = new Grid(6, 4, 6, 3, 2, 2);
        var out = new IntArray(6 * 4 * 6 * 15);
        try (var device = new EmulatorDevice()) {
            Launches.run(
                    device,
                    new HostKernel() {
                        @Override
                        public void run(KernelContext context) {
                            SampleKernels.identify(context, out);
                        }
                    },
                    grid);
        }
        int at = 0;
        for (int z = 0; z < 6; z++) {
            for (int y = 0; y < 4; y++) {
                for (int x = 0; x < 6; x++) {
                    int[] expected = {x, y, z, x % 3, y % 2, z % 2, x / 3, y / 2, z / 2, 6, 4, 6, 3, 2, 2};
                    for (int value : expected) {
                        assertThat(out.get(at)).as("element %d", at).isEqualTo(value);
                        at++;
                    }
                }
            }
        }
    }

    @Test
    void atomicsAddUpToTheSameOnAnyNumberOfThreads() {
        float[] floats = new float[2];
        double[] doubles = new double[2];
        for (int run = 0; run < 2; run++) {
            var i = new IntArray(1);
            var l = new LongArray(1);
            var f = new FloatArray(1);
            var d = new DoubleArray(1);
            try (var device = new EmulatorDevice(run == 0 ? 1 : 4)) {
                Launches.run(
                        device,
                        new HostKernel() {
                            @Override
                            public void run(KernelContext context) {
                                SampleKernels.addAtomically(context, i, l, f, d);
                            }
                        },
                        Grid.ofGroups(50, 20));
            }
            assertThat(i.get(0)).isEqualTo(1000 * 40);
            assertThat(l.get(0)).isEqualTo(1000L << 33);
            floats[run] = f.get(0);
            doubles[run] = d.get(0);
        }
        assertThat(floats[1]).isEqualTo(floats[0]).isBetween(7.48f, 7.49f);
        assertThat(doubles[1]).isEqualTo(doubles[0]).isBetween(7.48, 7.49);
    }

    @Test
    void takesVectors() {
        var in = new VectorFloat4(6);
        var out = new VectorFloat4(6);
        for (int i = 0; i < 24; i++) {
            in.getArray().set(i, i);
        }
        try (var device = new EmulatorDevice()) {
            Launches.run(
                    device,
                    new HostKernel() {
                        @Override
                        public void run(KernelContext context) {
                            SampleKernels.doubleVectors(context, in, out);
                        }
                    },
                    Grid.ofGroups(3, 2));
        }
        for (int i = 0; i < 24; i++) {
            assertThat(out.getArray().get(i)).isEqualTo(2 * i);
        }
    }

    @Test
    void severalWorkItemsMayWriteTheSameValue() {
        var out = new IntArray(16);
        try (var device = new EmulatorDevice()) {
            Launches.run(
                    device,
                    new HostKernel() {
                        @Override
                        public void run(KernelContext context) {
                            SampleKernels.raiseFlag(context, out);
                        }
                    },
                    Grid.ofGroups(2, 8));
        }
        assertThat(out.toHeapArray()).containsOnly(1);
    }

    @Test
    void barriersLieWhereverControlFlowIsUniform() {
        var out = new IntArray(16);
        try (var device = new EmulatorDevice()) {
            Launches.run(
                    device,
                    new HostKernel() {
                        @Override
                        public void run(KernelContext context) {
                            SampleKernels.controlFlow(context, out);
                        }
                    },
                    Grid.ofGroups(4, 4));
        }
        assertThat(out.toHeapArray()).containsExactly(11, 12, 13, 14, 21, 22, 23, 24, 0, 0, 0, 0, 31, 32, 33, 34);
    }

    @Test
    void saysWhatItIs() {
        try (var device = new EmulatorDevice()) {
            assertThat(device.id()).isEqualTo(DeviceId.EMULATOR);
            assertThat(device.style()).isEqualTo(KernelStyle.TUNED);
            assertThat(device.localMemoryBytes()).isEqualTo(49152);
            assertThat(device.info().unusable()).isEmpty();
        }
        assertThatThrownBy(() -> new EmulatorDevice(0)).isInstanceOf(IllegalArgumentException.class);
    }

    @Test
    void refusesWhatIsNoCallOfAKernel() {
        try (var device = new EmulatorDevice()) {
            var nothing = new HostKernel() {
                @Override
                public void run(KernelContext context) {}
            };
            assertThatThrownBy(() -> Launches.plan(device, nothing, Grid.ofGroups(1, 1)))
                    .isInstanceOf(DeviceException.class)
                    .hasMessage("emulator: kernel sample: its run calls no static method with the context;"
                            + " let run call one static method, the kernel, and do nothing else");
            var out = new IntArray(1);
            var twice = new HostKernel() {
                @Override
                public void run(KernelContext context) {
                    SampleKernels.identify(context, out);
                    SampleKernels.raiseFlag(context, out);
                }
            };
            assertThatThrownBy(() -> Launches.plan(device, twice, Grid.ofGroups(1, 1)))
                    .isInstanceOf(DeviceException.class)
                    .hasMessageContaining("its run calls identify and raiseFlag");
        }
    }

    @Test
    void refusesGroupsThatNoDeviceRuns() {
        var out = new IntArray(4096);
        var kernel = new HostKernel() {
            @Override
            public void run(KernelContext context) {
                SampleKernels.raiseFlag(context, out);
            }
        };
        try (var device = new EmulatorDevice()) {
            Launches.run(device, kernel, Grid.ofGroups(2, 1024));
            assertThatThrownBy(() -> Launches.plan(device, kernel, Grid.ofGroups(2, 1025)))
                    .isInstanceOf(DeviceException.class)
                    .hasMessage("emulator: kernel sample: groups of 1025 × 1 × 1 work-items; a group has 1024 at most");
        }
    }

    @Test
    void aClosedPlanDoesNotRun() {
        var out = new IntArray(4);
        try (var device = new EmulatorDevice()) {
            KernelPlan plan = Launches.plan(
                    device,
                    new HostKernel() {
                        @Override
                        public void run(KernelContext context) {
                            SampleKernels.raiseFlag(context, out);
                        }
                    },
                    Grid.ofGroups(1, 4));
            plan.close();
            assertThatThrownBy(plan::execute).isInstanceOf(IllegalStateException.class);
        }
    }
}
