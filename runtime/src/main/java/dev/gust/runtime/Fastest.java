package dev.gust.runtime;

import dev.gust.formats.DeviceException;
import dev.gust.formats.tensor.DType;
import dev.gust.runtime.device.Device;
import dev.gust.runtime.device.DeviceId;
import dev.gust.runtime.matmul.MatmulOptions;
import dev.gust.runtime.matmul.MatmulPlan;
import dev.gust.runtime.matmul.QuantizedMatmul;
import dev.gust.runtime.weight.LinearWeight;
import dev.gust.runtime.weight.WeightFormat;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.Function;

/**
 * Chooses a device by what it does: each multiplies one vector by the same matrix a few times, end to end, and the least
 * median wins. The matrix is small, so that looking costs little; a device that is good at large ones only has to be
 * named.
 */
final class Fastest {
    private static final int SIDE = 1024;
    private static final int ROUNDS = 5;
    /** A device does not change while the process runs. */
    private static final ConcurrentHashMap<DeviceId, Long> MEASURED = new ConcurrentHashMap<>();

    private Fastest() {}

    /**
     * The fastest of them that works, opened.
     *
     * @throws DeviceException if none does
     */
    static Device of(List<DeviceId> candidates, Function<DeviceId, Device> open) {
        if (candidates.size() == 1) {
            return open.apply(candidates.getFirst());
        }
        DeviceId best = candidates.stream()
                .min((a, b) -> Long.compare(nanos(a, open), nanos(b, open)))
                .filter(id -> nanos(id, open) < Long.MAX_VALUE)
                .orElseThrow(() -> new DeviceException(
                        "auto", "no device can multiply", "gust doctor says what is wrong with each"));
        return open.apply(best);
    }

    private static long nanos(DeviceId id, Function<DeviceId, Device> open) {
        return MEASURED.computeIfAbsent(id, i -> {
            try (Device device = open.apply(i)) {
                return measure(device);
            } catch (DeviceException e) {
                return Long.MAX_VALUE; // auto means that works; naming the device shows the reason
            }
        });
    }

    private static long measure(Device device) {
        try (Arena arena = Arena.ofShared()) {
            MemorySegment w = arena.allocate((long) SIDE * SIDE * Float.BYTES, 64);
            MemorySegment x = arena.allocate((long) SIDE * Float.BYTES, 64);
            MemorySegment y = arena.allocate((long) SIDE * Float.BYTES, 64);
            var weight =
                    new LinearWeight("probe", SIDE, SIDE, new WeightFormat.Plain(DType.F32), w, MemorySegment.NULL, 1);
            long[] nanos = new long[ROUNDS];
            try (MatmulPlan plan = QuantizedMatmul.prepare(device, weight, MatmulOptions.DEFAULT)) {
                plan.multiply(x, 1, y); // compiles
                for (int i = 0; i < ROUNDS; i++) {
                    long start = System.nanoTime();
                    plan.multiply(x, 1, y);
                    nanos[i] = System.nanoTime() - start;
                }
            }
            Arrays.sort(nanos);
            return nanos[ROUNDS / 2];
        }
    }
}
