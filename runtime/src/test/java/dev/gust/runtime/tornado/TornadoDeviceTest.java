package dev.gust.runtime.tornado;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.gust.formats.DeviceException;
import dev.gust.formats.arrow.TensorAllocator;
import dev.gust.formats.tensor.DType;
import dev.gust.formats.tensor.Shape;
import dev.gust.formats.tensor.Tensor;
import dev.gust.formats.tensor.TensorInfo;
import dev.gust.runtime.Devices;
import dev.gust.runtime.device.DeviceId;
import dev.gust.runtime.device.DeviceInfo;
import dev.gust.runtime.device.DeviceOptions;
import dev.gust.runtime.kernel.Grid;
import dev.gust.runtime.kernel.KernelPlan;
import dev.gust.runtime.kernel.KernelTimes;
import java.lang.foreign.ValueLayout;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.Callable;
import java.util.concurrent.Executors;
import java.util.concurrent.atomic.AtomicLong;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;
import uk.ac.manchester.tornado.api.types.arrays.TornadoNativeArray;

/** Plans on a real device: whatever TornadoVM's drivers find. */
@Tag("device")
class TornadoDeviceTest {
    private static TornadoDevice open() {
        return TornadoDevices.open(DeviceId.TORNADO, DeviceOptions.defaults());
    }

    @Test
    void devicesAreListedWithWhatIsKnown() {
        List<DeviceInfo> devices = TornadoDevices.list();
        assertThat(devices).isNotEmpty().allSatisfy(device -> {
            assertThat(device.id().kind()).isEqualTo(DeviceId.Kind.TORNADO);
            assertThat(device.unusable()).isEmpty();
            assertThat(device.name()).isNotBlank();
            assertThat(device.memory()).isPositive();
            assertThat(device.driver()).startsWith("TornadoVM ");
        });
        assertThat(Devices.list()).containsAll(devices);
        try (TornadoDevice device = open()) {
            assertThat(device.info()).isEqualTo(devices.getFirst());
            assertThat(device.localMemoryBytes()).isPositive();
            assertThat(device.maxArrayBytes()).isPositive();
        }
    }

    @Test
    void aDeviceThatIsNotThereIsAnError() {
        assertThatThrownBy(() -> Devices.open(DeviceId.tornado(7, 3)))
                .isInstanceOf(DeviceException.class)
                .hasMessageContaining("tornado:7:3")
                .hasMessageContaining("no such device");
    }

    @Test
    void autoOpensADeviceThatWorks() {
        try (var device = Devices.open(DeviceId.AUTO)) {
            assertThat(Devices.list()).contains(device.info());
        }
    }

    @Test
    void inputsMoveEveryTimeAndConstantsOnce() {
        FloatArray a = SampleKernels.floats(1, 3);
        FloatArray x = SampleKernels.floats(100, 1);
        FloatArray y = SampleKernels.floats(100, Float.NaN);
        try (TornadoDevice device = open();
                KernelPlan plan = device.prepare(SampleKernels.scaled(a, x, y))) {
            plan.execute();
            assertThat(y.toHeapArray()).containsOnly(3);
            a.set(0, 5);
            x.init(2);
            y.init(Float.NaN);
            plan.execute();
            assertThat(y.toHeapArray()).containsOnly(6);
        }
    }

    @Test
    void tunedKernelsRunInTheirGroups() {
        FloatArray x = SampleKernels.floats(SampleKernels.LOCAL * 9, 0.5f);
        FloatArray y = SampleKernels.floats(9, Float.NaN);
        try (TornadoDevice device = open();
                KernelPlan plan =
                        device.prepare(SampleKernels.groupSums(x, y, Grid.ofGroups(9, SampleKernels.LOCAL), 128))) {
            plan.execute();
            assertThat(y.toHeapArray()).containsOnly(SampleKernels.LOCAL * 0.5f);
        }
    }

    @Test
    void timesAreToldWhereTheyAreAskedFor() {
        FloatArray y = SampleKernels.floats(10_000, 0);
        var program = SampleKernels.scaled(SampleKernels.floats(1, 1), SampleKernels.floats(10_000, 1), y);
        DeviceOptions options = DeviceOptions.defaults().withProfiling(true);
        try (TornadoDevice device = TornadoDevices.open(DeviceId.TORNADO, options);
                KernelPlan plan = device.prepare(program)) {
            KernelTimes first = plan.execute();
            assertThat(first.compile()).isPositive();
            KernelTimes second = plan.execute();
            assertThat(second.kernel()).isPositive();
            assertThat(second.transfer()).isPositive();
            assertThat(second.compile()).isLessThan(first.compile());
            assertThat(second.total()).isGreaterThan(second.kernel());
        }
    }

    @Test
    void aPlanDoesNotGrow() throws Exception {
        int executions = 20_000;
        FloatArray y = SampleKernels.floats(64, 0);
        var program = SampleKernels.scaled(SampleKernels.floats(1, 2), SampleKernels.floats(64, 1), y);
        try (TornadoDevice device = open();
                KernelPlan plan = device.prepare(program)) {
            for (int i = 0; i < 100; i++) {
                plan.execute();
            }
            ClassHistogram before = ClassHistogram.take();
            for (int i = 0; i < executions; i++) {
                plan.execute();
            }
            ClassHistogram after = ClassHistogram.take();
            assertThat(after.instances("uk.ac.manchester.tornado"))
                    .isLessThan(before.instances("uk.ac.manchester.tornado") + executions / 10);
            // A kilobyte for each execution would be 20 MB; what else goes on in a JVM is far less than 100 bytes each.
            assertThat(after.bytes()).isLessThan(before.bytes() + 100L * executions);
        }
    }

    @Test
    void aKernelThatDoesNotCompileIsOneLineWithTheReason() {
        FloatArray y = SampleKernels.floats(4, 0);
        try (TornadoDevice device = open()) {
            assertThatThrownBy(() ->
                            device.prepare(SampleKernels.uncompilable(SampleKernels.floats(4, 1), new IntArray(4))))
                    .isInstanceOf(DeviceException.class)
                    .hasMessageStartingWith(device.id() + ": failing (bits) failed in TornadoVM: ")
                    .hasMessageNotContaining("\n")
                    .hasMessageNotContaining("\u001b")
                    .hasMessageContaining("unimplemented");
            // Others are not affected.
            try (KernelPlan plan =
                    device.prepare(SampleKernels.scaled(SampleKernels.floats(1, 2), SampleKernels.floats(4, 1), y))) {
                plan.execute();
            }
        }
        assertThat(y.toHeapArray()).containsOnly(2);
    }

    @Test
    void whatTheDeviceCannotLaunchIsRefused() {
        FloatArray x = SampleKernels.floats(SampleKernels.LOCAL, 1);
        FloatArray y = SampleKernels.floats(1, 0);
        try (TornadoDevice device = open()) {
            Grid fits = Grid.ofGroups(1, SampleKernels.LOCAL);
            assertThatThrownBy(() -> device.prepare(SampleKernels.groupSums(x, y, fits, device.localMemoryBytes() + 1)))
                    .isInstanceOf(DeviceException.class)
                    .hasMessageContaining("kernel sums takes")
                    .hasMessageContaining("local memory");
            assertThatThrownBy(() -> device.prepare(SampleKernels.groupSums(x, y, Grid.ofGroups(1, 1 << 24), 128)))
                    .isInstanceOf(DeviceException.class)
                    .hasMessageContaining("kernel sums has groups of");
        }
    }

    /** Past the device's own check, as if it had missed something. */
    @Test
    void aLaunchThatIsNotWhatWasAskedForIsAnError() {
        TornadoHardware hardware = TornadoHardware.found().devices().getFirst();
        int tooMany = 2 * hardware.device().getPhysicalDevice().getMaxThreadsPerBlock();
        FloatArray x = SampleKernels.floats(tooMany, 1);
        try (KernelPlan plan = TornadoPlan.prepare(
                hardware,
                DeviceOptions.defaults(),
                SampleKernels.items(x, SampleKernels.floats(tooMany, 0), Grid.ofGroups(1, tooMany)))) {
            assertThatThrownBy(plan::execute)
                    .isInstanceOf(DeviceException.class)
                    .hasMessageContaining("copying (items) failed in TornadoVM")
                    .hasMessageContaining("groups");
        }
    }

    @Test
    void aFullDeviceNamesTheSizes() {
        try (TornadoDevice real = open()) {
            TornadoHardware hardware = TornadoHardware.found().devices().getFirst();
            DeviceInfo info = real.info();
            var small = new TornadoHardware(
                    hardware.device(),
                    new DeviceInfo(
                            info.id(), info.name(), info.kind(), 6000, info.driver(), List.of(), Optional.empty()),
                    hardware.thread(),
                    new AtomicLong(),
                    hardware.recordings());
            try (var device = new TornadoDevice(small, DeviceOptions.defaults())) {
                FloatArray a = SampleKernels.floats(1, 1);
                KernelPlan first = device.prepare(
                        SampleKernels.scaled(a, SampleKernels.floats(500, 1), SampleKernels.floats(500, 1)));
                assertThatThrownBy(() -> device.prepare(
                                SampleKernels.scaled(a, SampleKernels.floats(500, 1), SampleKernels.floats(500, 1))))
                        .isInstanceOf(DeviceException.class)
                        .hasMessageContaining("needs 40")
                        .hasMessageContaining("memory of 6000, of which other plans take 40");
                first.execute();
                first.close();
                assertThat(small.reserved()).hasValue(0);
                device.prepare(SampleKernels.scaled(a, SampleKernels.floats(500, 1), SampleKernels.floats(500, 1)))
                        .close();
            }
        }
    }

    @Test
    void aClosedPlanIsNoMore() {
        FloatArray y = SampleKernels.floats(4, 0);
        try (TornadoDevice device = open()) {
            KernelPlan plan =
                    device.prepare(SampleKernels.scaled(SampleKernels.floats(1, 2), SampleKernels.floats(4, 1), y));
            plan.execute();
            plan.close();
            plan.close();
            assertThatIllegalStateException().isThrownBy(plan::execute).withMessageContaining("closed");
        }
    }

    /** Freeing a plan while another is recorded would take from the recording the memory that it copies from and to. */
    @Test
    void recordedPlansOutliveOthers() {
        TornadoHardware hardware = TornadoHardware.found().devices().getFirst();
        long before = hardware.reserved().get();
        FloatArray x = SampleKernels.floats(1000, 0);
        FloatArray y = SampleKernels.floats(1000, 0);
        DeviceOptions recording = DeviceOptions.defaults().withRecording(true);
        try (TornadoDevice device = TornadoDevices.open(hardware.info().id(), recording)) {
            try (KernelPlan plan = device.prepare(SampleKernels.scaled(SampleKernels.floats(1, 2), x, y))) {
                for (int round = 1; round <= 20; round++) {
                    x.init(round);
                    y.init(Float.NaN);
                    plan.execute();
                    for (int i = 0; i < y.getSize(); i++) {
                        assertThat(y.get(i)).isEqualTo(2 * round);
                    }
                    if (round % 5 == 0) {
                        assertThat(scalesRight(hardware.info().id(), round)).isTrue();
                    }
                }
                assertThatThrownBy(() ->
                                device.prepare(SampleKernels.uncompilable(SampleKernels.floats(4, 1), new IntArray(4))))
                        .isInstanceOf(DeviceException.class);
            }
        }
        assertThat(hardware.reserved()).hasValue(before);
    }

    @Test
    void manyThreadsUseManyPlansOnAllDevices() throws Exception {
        List<DeviceId> ids = TornadoDevices.list().stream().map(DeviceInfo::id).toList();
        try (var threads = Executors.newFixedThreadPool(6)) {
            List<Callable<Boolean>> work = IntStream.range(0, 12)
                    .mapToObj(i -> (Callable<Boolean>) () -> scalesRight(ids.get(i % ids.size()), i + 1))
                    .toList();
            for (var result : threads.invokeAll(work)) {
                assertThat(result.get()).isTrue();
            }
        }
    }

    private static boolean scalesRight(DeviceId id, int factor) {
        FloatArray x = SampleKernels.floats(1000, 0);
        FloatArray y = SampleKernels.floats(1000, 0);
        boolean right = true;
        try (TornadoDevice device = TornadoDevices.open(id, DeviceOptions.defaults());
                KernelPlan plan = device.prepare(SampleKernels.scaled(SampleKernels.floats(1, factor), x, y))) {
            for (int round = 1; round <= 50; round++) {
                x.init(round);
                y.init(Float.NaN);
                plan.execute();
                for (int i = 0; i < y.getSize(); i++) {
                    right &= y.get(i) == factor * round;
                }
            }
        }
        return right;
    }

    @Test
    void aCallThatHangsIsLeftBehind() throws Exception {
        var steps = new IntArray(2);
        steps.set(0, 1000);
        var y = new IntArray(2);
        TornadoHardware hardware = TornadoHardware.found().devices().getFirst();
        try (TornadoDevice device = open()) {
            TornadoPlan plan = TornadoPlan.prepare(hardware, DeviceOptions.defaults(), SampleKernels.slow(steps, y));
            plan.execute();
            // However fast the device is: work for ten times the limit.
            long nanos = 0;
            while (nanos < 100_000_000) {
                steps.set(0, steps.get(0) * 4);
                long start = System.nanoTime();
                plan.execute();
                nanos = System.nanoTime() - start;
            }
            steps.set(0, (int) Math.min(Integer.MAX_VALUE, steps.get(0) * 2e9 / nanos));
            try {
                assertThatThrownBy(() -> plan.execute(Duration.ofMillis(200)))
                        .isInstanceOf(DeviceException.class)
                        .hasMessageContaining("waiting (slow) has not returned");
                assertThatThrownBy(plan::execute)
                        .isInstanceOf(DeviceException.class)
                        .hasMessageContaining("failed before");
                assertThatThrownBy(() -> scalesRight(device.id(), 2))
                        .isInstanceOf(DeviceException.class)
                        .hasMessageContaining("hangs in waiting (slow)");
                assertThat(TornadoDevices.list().getFirst().unusable())
                        .hasValueSatisfying(why -> assertThat(why).contains("hangs"));
                for (DeviceInfo other : TornadoDevices.list()) {
                    if (other.unusable().isEmpty()) {
                        assertThat(scalesRight(other.id(), 3)).isTrue();
                    }
                }
            } finally {
                // This one does return, and the device is as before.
                while (hardware.thread().stuckIn().isPresent()) {
                    Thread.sleep(20);
                }
            }
            assertThat(scalesRight(device.id(), 4)).isTrue();
            plan.close();
        }
    }

    @Test
    void tensorsWithRoomAreUsedWhereTheyLie() {
        try (var memory = TensorAllocator.unlimited();
                Tensor tensor = memory.allocate(new TensorInfo("w", DType.U8, Shape.of(4096)));
                TornadoDevice device = TornadoDevices.open(
                        DeviceId.TORNADO, DeviceOptions.defaults().withMemory(memory))) {
            tensor.data().set(ValueLayout.JAVA_INT, 4092, 77);
            IntArray words = device.arrays().words(tensor.data());
            assertThat(words.getSize()).isEqualTo(1025);
            assertThat(words.get(1023)).isEqualTo(77);
            assertThat(words.get(1024)).isZero();
            assertThat(words.getSegmentWithHeader().address() + TornadoNativeArray.ARRAY_HEADER)
                    .isEqualTo(tensor.data().address());
            FloatArray floats = device.arrays().floats(tensor.data());
            floats.set(0, 1.5f);
            assertThat(tensor.data().get(ValueLayout.JAVA_FLOAT, 0)).isEqualTo(1.5f);
            assertThat(device.arrays().longs(tensor.data()).get(511)).isEqualTo(77L << 32);
            assertThat(device.arrays().bytes(tensor.data()).get(4092)).isEqualTo((byte) 77);
            assertThat(device.copies().count()).isZero();
            // A slice has somebody else's bytes around it.
            device.arrays().words(tensor.data().asSlice(0, 64));
            assertThat(device.copies().count()).isEqualTo(1);
            assertThat(device.copies().bytes()).isEqualTo(64);
        }
    }

    @Test
    void resultsLandInMemoryOfOursWhileItIsThere() {
        try (var memory = TensorAllocator.unlimited();
                TornadoDevice device = TornadoDevices.open(
                        DeviceId.TORNADO, DeviceOptions.defaults().withMemory(memory))) {
            Tensor out = memory.allocate(new TensorInfo("y", DType.F32, Shape.of(100)));
            FloatArray y = device.arrays().floats(out.data());
            try (KernelPlan plan =
                    device.prepare(SampleKernels.scaled(SampleKernels.floats(1, 2), SampleKernels.floats(100, 4), y))) {
                plan.execute();
                assertThat(out.data().toArray(ValueLayout.JAVA_FLOAT)).containsOnly(8);
                out.close();
                assertThatIllegalStateException().isThrownBy(plan::execute).withMessageContaining("closed before");
            }
        }
    }
}
