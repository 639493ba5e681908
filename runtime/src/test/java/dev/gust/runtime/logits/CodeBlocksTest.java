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
import java.util.List;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;
import uk.ac.manchester.tornado.api.types.arrays.LongArray;

/** The look-ups of tuned kernels: every score within what rounding its tables can change, in one part to a token and in two. */
class CodeBlocksTest {
    private static final int M = 2;

    @ParameterizedTest
    @CsvSource({
        "PQ, 1, 1, 1, 1, 1", // one codebook
        "PQ, 33, 95, 1, 1, 1", // one block, and one token more than a panel
        "PQ, 600, 99, 1, 16, 1", // a block and one codebook; more than a group
        "PQ, 1100, 99, 1, 48, 1", // a work-item with several tokens, and none behind the last panel
        "PQ, 700, 99, 1, 19, 1", // most have one token, some two
        "PQ, 33, 190, 1, 2, 1", // two blocks: no room for a codebook more
        "PQ, 40, 195, 1, 1, 1e-25", // squares of h are 0
        "PQ, 300, 290, 2, 8, 1", // three and a half blocks
        "PQ, 500, 290, 2, 11, 1", // two work-items to a token, and more than one token for some
        "PQ, 40, 390, 2, 1, 1e25", // squares of h are infinite
        "RVQ, 77, 50, 2, 3, 1"
    })
    void everyScoreIsWithinItsSteps(HeadMethod method, int v, int d, int parts, int panels, float size) {
        try (var device = new EmulatorDevice()) {
            check(device, SampleHeads.of(method, v, d, v + d), parts, panels, size);
        }
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

    static void check(KernelDevice device, VqHead head, int parts, int panels, float size) {
        var screen = (Screen.Codes) head.screen();
        var arrays = new HeadArrays(device, head);
        int v = head.v();
        int slices = Math.ceilDiv(screen.s(), 2 * GroupCodes.BLOCK);
        IntArray sizes = HeadArrays.codeSizes(v, head.d(), screen.s(), panels);
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
        var tables = new IntArray(M * slices * GroupCodes.TABLE);
        FloatArray steps = device.arrays().floats(2L * M * slices);
        FloatArray y = device.arrays().floats((long) M * v);
        FloatArray maxima = device.arrays().floats((long) M * Math.ceilDiv(v, 8));
        y.init(Float.NaN);
        int biased = head.bias().isPresent() ? 1 : 0;
        int step = screen.residual() ? 0 : screen.w();
        var fill = new ScoreKernels.TableGroups(
                columns, radii, h, tables, steps, sizes, head.d(), screen.s(), step, screen.w());
        var sum = new ScoreKernels.CodeGroups(codes, tables, steps, bias, y, maxima, sizes, biased, parts, 8);
        int groups = Math.ceilDiv(v, 32 * panels);
        var program = new KernelProgram(
                "lookups",
                List.of(
                        KernelCall.tuned(
                                "tables", fill, Grid.ofGroups(slices * GroupCodes.BLOCK, M, GroupCodes.TABLE_LOCAL, 1)),
                        KernelCall.tuned("codes", sum, Grid.ofGroups(groups, M, GroupCodes.LOCAL, 1))),
                List.of(columns, radii, codes, bias, sizes),
                List.of(h),
                List.of(steps, y, maxima),
                List.of(tables));
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
