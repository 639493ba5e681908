package dev.gust.runtime.logits;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.gust.formats.InputException;
import dev.gust.formats.UsageException;
import dev.gust.formats.vqhead.HeadMethod;
import dev.gust.runtime.device.Device;
import dev.gust.runtime.emulator.EmulatorDevice;
import dev.gust.runtime.jvm.JvmDevice;
import dev.gust.runtime.scalar.ScalarDevice;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;

class HeadEdgesTest {
    /** Devices of this machine. */
    enum On {
        JVM,
        SCALAR,
        EMULATOR;

        Device open() {
            return switch (this) {
                case JVM -> new JvmDevice();
                case SCALAR -> new ScalarDevice();
                case EMULATOR -> new EmulatorDevice();
            };
        }
    }

    static Stream<Arguments> everything() {
        return Stream.of(On.values())
                .flatMap(on -> Stream.of(HeadMethod.values())
                        .flatMap(method -> Stream.of(HeadOptions.Search.values())
                                .filter(search -> search == HeadOptions.Search.SCREEN || method == HeadMethod.SPHERICAL)
                                .map(search -> Arguments.of(on, method, search))));
    }

    @ParameterizedTest
    @MethodSource("everything")
    void everyTokenHasTheLogitThatIsPromised(On on, HeadMethod method, HeadOptions.Search search) {
        try (Device device = on.open()) {
            AllLogits.check(device, method, search);
        }
    }

    /** No bound holds anything back: more tokens reach it than the kernels have room for. */
    @ParameterizedTest
    @EnumSource(On.class)
    void ofEqualLogitsTheLowestIdsAreFirst(On on) {
        try (Device device = on.open();
                LogitsHead dense =
                        LogitsHead.of(device, SampleHeads.of(HeadMethod.DENSE, 1100, 4, 1), HeadOptions.DEFAULT)) {
            TopTokens top = dense.top(new float[8], 5);
            assertThat(top.ids(0)).containsExactly(0, 1, 2, 3, 4);
            assertThat(top.ids(1)).containsExactly(0, 1, 2, 3, 4);
            assertThat(top.logits()).containsOnly(0);
        }
    }

    @ParameterizedTest
    @EnumSource(On.class)
    void allTokensOfAClusterAreAlikeWhereOnlyCentroidsCount(On on) {
        VqHead head = VqHead.of(
                5,
                1,
                SampleHeads.floats(1, 2, 3, 4, 5),
                new Screen.Clusters(3, SampleHeads.floats(7, 1, 9), SampleHeads.ints(1, 2, 0, 2, 1), false));
        HeadOptions options = HeadOptions.DEFAULT.with(HeadOptions.Search.CODEBOOK);
        try (Device device = on.open();
                LogitsHead logits = LogitsHead.of(device, head, options)) {
            assertThat(logits.top(new float[] {1}, 5).ids()).containsExactly(1, 3, 2, 0, 4);
            assertThat(logits.logits(new float[] {2})).containsExactly(2, 18, 14, 18, 2);
        }
    }

    @ParameterizedTest
    @EnumSource(On.class)
    void aSpecialTokenIsFoundWhateverTheScreenSays(On on) {
        // The screen likes token 0 best, and the rows token 3.
        VqHead head = VqHead.of(
                4,
                1,
                SampleHeads.floats(1, 2, 3, 40),
                new Screen.LowRank(1, SampleHeads.floats(9, 8, 7, 1), SampleHeads.floats(1)));
        HeadOptions options = HeadOptions.DEFAULT.withRerank(2);
        try (Device device = on.open();
                LogitsHead without = LogitsHead.of(device, head, options);
                LogitsHead with = LogitsHead.of(device, head, options.withSpecial(List.of(3)))) {
            assertThat(without.top(new float[] {1}, 2).ids()).containsExactly(1, 0);
            assertThat(with.top(new float[] {1}, 2).ids()).containsExactly(3, 1);
        }
    }

    @ParameterizedTest
    @EnumSource(On.class)
    void whatCannotBeAskedIsRefused(On on) {
        VqHead head = SampleHeads.of(HeadMethod.PQ, 20, 3, 1);
        try (Device device = on.open()) {
            LogitsHead logits = LogitsHead.of(device, head, HeadOptions.DEFAULT);
            assertThat(logits.top(new float[0], 3).ids()).isEmpty();
            assertThatThrownBy(() -> logits.top(new float[3], 21))
                    .isInstanceOf(UsageException.class)
                    .hasMessageContaining("21 tokens of a vocabulary of 20");
            assertThatThrownBy(() -> logits.top(new float[3], 0)).isInstanceOf(UsageException.class);
            assertThatThrownBy(() -> logits.top(new float[4], 1))
                    .isInstanceOf(UsageException.class)
                    .hasMessageContaining("4 numbers");
            assertThatThrownBy(() -> logits.top(new float[] {0, Float.NaN, 0}, 1))
                    .isInstanceOf(InputException.class)
                    .hasMessageContaining("NaN at element 1");
            assertThatThrownBy(() -> LogitsHead.of(device, head, HeadOptions.DEFAULT.withSpecial(List.of(20))))
                    .isInstanceOf(UsageException.class);
            assertThatThrownBy(() -> LogitsHead.of(device, head, HeadOptions.DEFAULT.with(HeadOptions.Search.CODEBOOK)))
                    .isInstanceOf(UsageException.class)
                    .hasMessageContaining("no clusters");
            logits.close();
            assertThatThrownBy(() -> logits.top(new float[3], 1)).isInstanceOf(IllegalStateException.class);
        }
    }

    @Test
    void threadsMayShareAPlan() throws Exception {
        VqHead head = SampleHeads.of(HeadMethod.PQ, 5000, 12, 3);
        try (Device device = new JvmDevice();
                LogitsHead logits = LogitsHead.of(device, head, HeadOptions.DEFAULT);
                ExecutorService callers = Executors.newFixedThreadPool(4)) {
            float[] h = SampleHeads.gaussian(3 * 12, new java.util.SplittableRandom(1));
            int[] expected = logits.top(h, 6).ids();
            var calls = new ArrayList<Callable<int[]>>();
            IntStream.range(0, 40).forEach(i -> calls.add(() -> logits.top(h, 6).ids()));
            for (Future<int[]> call : callers.invokeAll(calls)) {
                assertThat(call.get()).containsExactly(expected);
            }
        }
    }
}
