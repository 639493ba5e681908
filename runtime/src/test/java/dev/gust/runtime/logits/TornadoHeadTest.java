package dev.gust.runtime.logits;

import dev.gust.formats.tensor.DType;
import dev.gust.formats.vqhead.HeadMethod;
import dev.gust.kernels.logits.QuartetScores;
import dev.gust.runtime.device.Device;
import dev.gust.runtime.device.DeviceId;
import dev.gust.runtime.device.DeviceInfo;
import dev.gust.runtime.device.DeviceOptions;
import dev.gust.runtime.kernel.KernelDevice;
import dev.gust.runtime.kernel.KernelStyle;
import dev.gust.runtime.tornado.TornadoDevices;
import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.SplittableRandom;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** Every head on TornadoVM's first device, by both kinds of kernels. */
@Tag("device")
class TornadoHeadTest {
    static Stream<DeviceId> devices() {
        return TornadoDevices.list().stream().map(DeviceInfo::id).limit(1);
    }

    static Stream<Arguments> cases() {
        return devices()
                .flatMap(id -> Stream.of(KernelStyle.values())
                        .flatMap(style -> Stream.concat(
                                Stream.of(HeadMethod.values())
                                        .filter(method -> method != HeadMethod.KMEANS)
                                        .map(method -> Arguments.of(id, style, method, HeadOptions.Search.SCREEN)),
                                Stream.of(Arguments.of(id, style, HeadMethod.KMEANS, HeadOptions.Search.CODEBOOK)))));
    }

    @ParameterizedTest
    @MethodSource("cases")
    void agreesWithTheReference(DeviceId id, KernelStyle style, HeadMethod method, HeadOptions.Search search) {
        VqHead head = SampleHeads.of(method, 2053, 40, 7);
        check(
                id,
                head,
                HeadOptions.DEFAULT.with(search).withRerank(9).withProbes(3).withStyle(style));
    }

    /** More than a group has room for in local memory. */
    @ParameterizedTest
    @MethodSource("devices")
    void findsManyTokens(DeviceId id) {
        VqHead head = SampleHeads.of(HeadMethod.INT4, 8300, 300, 5);
        check(id, head, HeadOptions.DEFAULT.withRerank(300).withStyle(KernelStyle.TUNED));
    }

    /** As they are stored where the device takes them, otherwise as float32. */
    @ParameterizedTest
    @MethodSource("devices")
    void scoresRowsOf16BitFloats(DeviceId id) {
        for (DType type : List.of(DType.BF16, DType.F16)) {
            check(
                    id,
                    SampleHeads.of(HeadMethod.DENSE, type, 2053, 2100, 11),
                    HeadOptions.DEFAULT.withStyle(KernelStyle.TUNED));
        }
    }

    /** More columns than are rounded at a time. */
    @ParameterizedTest
    @MethodSource("devices")
    void roundsLongHiddenStatesInParts(DeviceId id) {
        int d = (QuartetScores.MOST_SLICE + 3) * Screen.Int4.BLOCK - 5;
        check(
                id,
                SampleHeads.of(HeadMethod.INT4, 150, d, 4),
                HeadOptions.DEFAULT.withRerank(9).withStyle(KernelStyle.TUNED));
    }

    /** A work-item to a token, and to two for some, as for a large vocabulary. */
    @ParameterizedTest
    @MethodSource("devices")
    void looksUpCodes(DeviceId id) {
        try (Device device = TornadoDevices.open(id, DeviceOptions.defaults())) {
            VqHead head = SampleHeads.of(HeadMethod.PQ, 1111, 200, 3);
            CodeBlocksTest.check((KernelDevice) device, head, new CodeShares(2, 1, 1), 1);
            CodeBlocksTest.check((KernelDevice) device, head, new CodeShares(2, 2, 1), 1);
        }
    }

    /** Where several groups have the same tokens. */
    @ParameterizedTest
    @MethodSource("devices")
    void addsUpPieces(DeviceId id) {
        check(id, SampleHeads.of(HeadMethod.PQ, 700, 1050, 5), HeadOptions.DEFAULT.withRerank(9));
    }

    private static void check(DeviceId id, VqHead head, HeadOptions options) {
        try (Device device = TornadoDevices.open(id, DeviceOptions.defaults());
                HeadPlan plan = VqLogits.prepare(device, head, options)) {
            for (int seed = 1; seed <= 2; seed++) { // A plan serves several calls.
                MemorySegment h = SampleHeads.floats(SampleHeads.gaussian(2 * head.d(), new SplittableRandom(seed)));
                HeadConformance.check(plan, head, options, h, 2, 5);
            }
        }
    }
}
