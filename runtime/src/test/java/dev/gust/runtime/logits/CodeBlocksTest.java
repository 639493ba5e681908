package dev.gust.runtime.logits;

import static org.assertj.core.api.Assertions.assertThat;

import dev.gust.formats.vqhead.HeadMethod;
import dev.gust.kernels.logits.GroupCodes;
import dev.gust.runtime.emulator.EmulatorDevice;
import dev.gust.runtime.kernel.ForwardingDevice;
import dev.gust.runtime.kernel.Grid;
import dev.gust.runtime.kernel.KernelCall;
import dev.gust.runtime.kernel.KernelDevice;
import dev.gust.runtime.kernel.KernelPlan;
import dev.gust.runtime.kernel.KernelProgram;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;
import uk.ac.manchester.tornado.api.types.arrays.LongArray;
import uk.ac.manchester.tornado.api.types.arrays.TornadoNativeArray;

/** The look-ups of tuned kernels: every score within what rounding its tables can change, in one part to a token and in two. */
class CodeBlocksTest {
    private static final int M = 2;

    @ParameterizedTest
    @CsvSource({
        "PQ, 1, 1, 1, 1, 1, 1", // one codebook
        "PQ, 33, 95, 1, 1, 1, 1", // one block, and one token more than a panel
        "PQ, 600, 99, 1, 16, 1, 1", // a block and one codebook; more than a group
        "PQ, 1100, 99, 1, 48, 1, 1", // a work-item with several tokens, and none behind the last panel
        "PQ, 700, 99, 1, 19, 1, 1", // most have one token, some two
        "PQ, 33, 190, 1, 2, 1, 1", // two blocks: no room for a codebook more
        "PQ, 40, 195, 1, 1, 1, 1e-25", // squares of h are 0
        "PQ, 300, 290, 2, 8, 1, 1", // three and a half blocks
        "PQ, 500, 290, 2, 11, 1, 1", // two work-items to a token, and more than one token for some
        "PQ, 40, 390, 2, 1, 1, 1e25", // squares of h are infinite
        "RVQ, 77, 50, 2, 3, 1, 1",
        "PQ, 300, 290, 2, 8, 2, 1", // of two slices each group has one
        "PQ, 1100, 590, 1, 17, 2, 1", // of three slices one group has two; a panel is left over
        "PQ, 90, 1050, 2, 2, 4, 1" // of five, one to three groups and two to the last
    })
    void everyScoreIsWithinItsSteps(HeadMethod method, int v, int d, int parts, int panels, int pieces, float size) {
        try (var device = new EmulatorDevice()) {
            check(
                    device,
                    SampleHeads.of(method, v, d, v + d),
                    new CodeShares(Math.ceilDiv(v, 32 * panels), pieces, parts),
                    size);
        }
    }

    /** Where several groups have the same tokens, and a kernel adds up what they leave. */
    @Test
    void piecesAreAddedUp() {
        int v = 700;
        int d = 1050;
        assertThat(CodeShares.of(v, Math.ceilDiv(d / 3, 2 * GroupCodes.BLOCK)).pieces())
                .isEqualTo(4);
        try (var device = new EmulatorDevice()) {
            VqHead head = SampleHeads.of(HeadMethod.PQ, v, d, 5);
            HeadConformance.check(device, head, HeadOptions.DEFAULT.withRerank(9), 2, 3, 7);
        }
    }

    /** Tokens of large vocabularies and tables of few codebooks, as they were measured. */
    @ParameterizedTest
    @CsvSource({
        "262144, 42, 132, 2, 1", "262144, 18, 132, 2, 1", "131072, 16, 66, 4, 1", "151936, 16, 66, 4, 1",
        "341479, 1, 264, 1, 1", "30522, 2, 264, 1, 2", "1, 1, 1, 1, 2", "2000000, 4, 792, 1, 1"
    })
    void sharesFollowFromSizes(int v, int slices, int chunks, int pieces, int parts) {
        CodeShares shares = CodeShares.of(v, slices);
        assertThat(shares).isEqualTo(new CodeShares(chunks, pieces, parts));
        int share = Math.ceilDiv(Math.ceilDiv(v, 32), shares.chunks());
        assertThat(share).isLessThanOrEqualTo(GroupCodes.MOST_PANELS);
    }

    /** Where tables do not fit into local memory. */
    @Test
    void portableKernelsTakeOver() {
        try (var emulator = new EmulatorDevice();
                var device = new ForwardingDevice(emulator) {
                    @Override
                    public long localMemoryBytes() {
                        return 32 << 10;
                    }
                }) {
            VqHead head = SampleHeads.of(HeadMethod.PQ, 300, 12, 5);
            HeadConformance.check(device, head, HeadOptions.DEFAULT.withRerank(9), 1, 3, 7);
        }
    }

    static void check(KernelDevice device, VqHead head, CodeShares shares, float size) {
        var screen = (Screen.Codes) head.screen();
        var arrays = new HeadArrays(device, head);
        int v = head.v();
        int slices = Math.ceilDiv(screen.s(), 2 * GroupCodes.BLOCK);
        IntArray sizes = HeadArrays.codeSizes(v, head.d(), screen.s());
        LongArray codes = arrays.codeBlocks(screen);
        FloatArray columns = arrays.columns(screen);
        FloatArray radii = arrays.radii(screen);
        FloatArray bias = arrays.bias();
        FloatArray h = device.arrays().floats((long) M * head.d());
        float[] values = SampleHeads.gaussian(M * head.d(), new SplittableRandom(9));
        for (int i = 0; i < values.length; i++) {
            values[i] *= size;
            h.set(i, values[i]);
        }
        var tables = new IntArray(GroupCodes.FRONT_TABLES + M * slices * GroupCodes.TABLE);
        FloatArray steps = device.arrays().floats(2L * M * slices);
        FloatArray y = device.arrays().floats((long) M * v);
        FloatArray maxima = device.arrays().floats((long) M * Math.ceilDiv(v, 8));
        y.init(Float.NaN);
        int biased = head.bias().isPresent() ? 1 : 0;
        int step = screen.residual() ? 0 : screen.w();
        var fill = new ScoreKernels.TableGroups(
                columns, radii, h, tables, steps, sizes, head.d(), screen.s(), step, screen.w());
        int pieces = shares.pieces();
        boolean several = pieces > 1;
        FloatArray sums = several ? device.arrays().floats((long) M * pieces * v) : y;
        sums.init(Float.NaN);
        var sum = new ScoreKernels.CodeGroups(
                codes,
                tables,
                steps,
                bias,
                sums,
                maxima,
                sizes,
                several ? 0 : biased,
                shares.parts(),
                pieces,
                several ? 0 : 8);
        var add = new ScoreKernels.CodePieces(sums, bias, y, maxima, v, biased, pieces, 8);
        var calls = new ArrayList<KernelCall>();
        calls.add(KernelCall.tuned(
                "tables", fill, Grid.ofGroups(slices * GroupCodes.BLOCK, M, GroupCodes.TABLE_LOCAL, 1)));
        calls.add(KernelCall.tuned("codes", sum, Grid.ofGroups(shares.chunks() * pieces, M, GroupCodes.LOCAL, 1)));
        var kept = new ArrayList<TornadoNativeArray>(List.of(tables));
        if (several) {
            calls.add(KernelCall.tuned(
                    "pieces", add, Grid.ofGroups(Math.ceilDiv(v, GroupCodes.LOCAL), M, GroupCodes.LOCAL, 1)));
            kept.add(sums);
        }
        var program = new KernelProgram(
                "lookups",
                calls,
                List.of(columns, radii, codes, bias, sizes),
                List.of(h),
                List.of(steps, y, maxima),
                kept);
        try (KernelPlan plan = device.prepare(program)) {
            plan.execute();
        }
        MemorySegment hidden = SampleHeads.floats(values);
        for (int row = 0; row < M; row++) {
            ReferenceHead reference = HeadConformance.reference(head, hidden, row);
            double most = 0;
            for (int j = 0; j < screen.s(); j++) {
                most += steps.get(2 * row * slices + j / GroupCodes.BLOCK) / 2;
            }
            for (int token = 0; token < v; token++) {
                double expected = reference.screened(token);
                float got = y.get(row * v + token);
                assertThat(Math.abs(expected - got))
                        .as("token %d of row %d: %s for %s", token, row, got, expected)
                        .isLessThanOrEqualTo(most + 1e-5 * (Math.abs(expected) + most));
                float greatest = maxima.get(row * Math.ceilDiv(v, 8) + token / 8);
                assertThat(got).as("token %d of its heap", token).isLessThanOrEqualTo(greatest);
            }
        }
        assertThat(steps.getSegment().get(ValueLayout.JAVA_FLOAT_UNALIGNED, 0)).isPositive();
    }
}
