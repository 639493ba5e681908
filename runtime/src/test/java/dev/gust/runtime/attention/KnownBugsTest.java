package dev.gust.runtime.attention;

import static org.assertj.core.api.Assertions.assertThat;

import dev.gust.runtime.attention.DeltaStep.Decay;
import dev.gust.runtime.attention.DeltaStep.Erase;
import dev.gust.runtime.attention.DeltaStep.Normalize;
import dev.gust.runtime.attention.DeltaStep.Read;
import dev.gust.runtime.device.Device;
import dev.gust.runtime.emulator.EmulatorDevice;
import dev.gust.runtime.jvm.JvmDevice;
import dev.gust.runtime.scalar.ScalarDevice;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * What users of flash-linear-attention (numbers are its issues) and others found wrong, where it can exist here, and the test
 * that guards against it. Without a class, the test is one of these.
 *
 * <table>
 * <caption>Bugs and their tests</caption>
 * <tr><th>bug</th><th>test</th></tr>
 * <tr><td>77, 122: NaN from exponents of long rows and strong decays</td>
 *     <td>{@link #longRowsOfStrongDecaysStayExact77And122}</td></tr>
 * <tr><td>99: exponents above the diagonal taken before they are masked</td>
 *     <td>{@link #exponentsAboveTheDiagonalAreNotTaken99}</td></tr>
 * <tr><td>104: gates of 0</td><td>{@link #gatesOfExactlyZeroDecayNothing104},
 *     {@code AttentionBehaviourTest#gatesOfZeroDecayNothing}: every rule</td></tr>
 * <tr><td>1142, 1143: reads behind a partial last chunk</td>
 *     <td>{@link #partialLastChunksSeeNothingBehindThem1142And1143},
 *     {@code AttentionBehaviourTest#callsSeeNothingBehindTheirTokens}: every rule</td></tr>
 * <tr><td>769, 803, 911, 965, 1080, 1082: offsets past an int</td><td>{@link #offsetsPastAnIntAreLong1080And1082},
 *     {@code DeltaSliceTest}, {@code JvmDeltaTest#statesThatNoArrayHoldsAreRefused},
 *     {@code SoftmaxAttentionTest#arraysPastAnIntAreRefusedByKernels}, {@code VisionEdgesTest}</td></tr>
 * <tr><td>1077, 1097: more groups than 65,535</td><td>{@link #moreSequencesThanAGridHasRows1077And1097},
 *     {@code TornadoManySequencesTest}</td></tr>
 * <tr><td>1085: an offset of one head's gates for all</td><td>{@link #everyHeadHasItsOwnGates1085}</td></tr>
 * <tr><td>1135, 556: widths that are no powers of two, or below 16</td>
 *     <td>{@link #widthsBelow16AndNoPowersOfTwo556And1135}, {@code RuleGridTest}</td></tr>
 * <tr><td>1095: reverse sums of gates</td>
 *     <td>{@code DeltaBackwardEdgeTest#decayGradientsOfStrongGatesKeepTheirPrecision1095}</td></tr>
 * <tr><td>594, 850, 851, 875: the normaliser's gradient</td>
 *     <td>{@code RuleGradientTest#keysOfTheNormaliserHaveTheirGradient875And594}</td></tr>
 * <tr><td>781: offsets of sequences and heads in a split</td>
 *     <td>{@code SequenceParallelTest#partsReadTheGatesOfTheirOwnTokensAndHeads}</td></tr>
 * <tr><td>740: transitions in bfloat16</td><td>{@code SequenceParallelTest#transitionsIn16BitsWouldNotDo}</td></tr>
 * <tr><td>1093: a short last rank</td><td>{@code SequenceParallelTest#theLastPartMayBeShort}</td></tr>
 * <tr><td>1018, 1033: values in several strips</td><td>{@link #valuesInSeveralStrips1018And1033}</td></tr>
 * <tr><td>842, 844: a batch beside cu_seqlens</td>
 *     <td>{@code AttentionRunTest#batchesBesideCuSeqlensAreRefused842And844}</td></tr>
 * <tr><td>638, 640, 913, 984, 988: what one device's compiler makes of it</td>
 *     <td>{@code RuleGridTest}, {@code KernelGridTest}, {@code TornadoGridTest}, {@code TornadoBehaviourTest}: every rule
 *     on every device against float64</td></tr>
 * <tr><td>807: KDA's backward pass of odd lengths</td><td>{@code DeltaBackwardEdgeTest#kdaOfOddLengthsHasItsGradients807}</td></tr>
 * <tr><td>88: sequences shorter than a chunk, and than a convolution</td>
 *     <td>{@link #sequencesShorterThanAChunk88}, {@code CausalConvTest#sequencesShorterThanTheConvolution88}</td></tr>
 * <tr><td>vLLM 2408: states and gates of less than float32</td>
 *     <td>{@link #faintDecaysAddUpInFloat32Vllm2408}, {@code NumericsTest#gatesRecordedFromModels}</td></tr>
 * <tr><td>a normaliser in the keys' 16 bits overflows at 65,504</td>
 *     <td>{@link #normalisersGrowPastHalfPrecision}</td></tr>
 * <tr><td>padding on the left that writes</td><td>{@link #paddingOnTheLeftChangesNothing},
 *     {@code CausalConvTest#paddingOfZerosOnTheLeftIsAnEmptyState}</td></tr>
 * </table>
 *
 * <p>52 (torch.compile) and 1012 (a parametrisation of Mamba-3) are of things that are not here.
 */
class KnownBugsTest {
    private static final Device SCALAR = new ScalarDevice();
    private static final Device JVM = new JvmDevice();
    private static final Device EMULATOR = new EmulatorDevice(2);
    private static final List<Device> ALL = List.of(SCALAR, JVM, EMULATOR);

    @AfterAll
    static void close() {
        ALL.forEach(Device::close);
    }

    private static void check(List<Device> devices, AttentionCase call, Form... forms) {
        OracleResult expected = Oracle.run(call);
        for (Device device : devices) {
            for (Form form : forms) {
                RuleConformance.check(device, call, expected, form);
            }
        }
    }

    /** RWKV-6's exclusive sums, and GLA at the length of its bug. */
    @ParameterizedTest
    @ValueSource(strings = {"rwkv6", "gla"})
    void longRowsOfStrongDecaysStayExact77And122(String rule) {
        for (CaseGates gates : List.of(CaseGates.logSigmoid(0.01, 0), CaseGates.SPIKES)) {
            GridRow row = GridRow.of(rule, CaseShape.of(1, 43_884, 1, 3)).with(gates);
            check(List.of(JVM, SCALAR), CaseInputs.draw(row, 3), new Form.Chunked(64));
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"gated-delta", "kda", "simple-gla"})
    void exponentsAboveTheDiagonalAreNotTaken99(String rule) {
        GridRow row = GridRow.of(rule, CaseShape.of(1, 64, 1, 8)).with(CaseGates.RESET);
        check(ALL, CaseInputs.draw(row, 4), new Form.Chunked(64));
    }

    static Stream<Arguments> undecayed() {
        return Stream.of(Arguments.of("simple-gla", "linear"), Arguments.of("gated-delta", "delta"));
    }

    @ParameterizedTest
    @MethodSource("undecayed")
    void gatesOfExactlyZeroDecayNothing104(String gated, String plain) {
        CaseShape shape = CaseShape.of(1, 70, 1, 8);
        AttentionCase call = CaseInputs.draw(GridRow.of(gated, shape).with(CaseGates.ZERO), 5);
        for (Device device : ALL) {
            Map<String, double[]> zero = SplitConformance.whole(device, call, new Form.Chunked(32));
            Map<String, double[]> none =
                    SplitConformance.whole(device, call.withRule(plain).without("g"), new Form.Chunked(32));
            SplitConformance.compare(none, zero, gated + " on " + device.id());
        }
    }

    static Stream<String> chunked() {
        return Stream.of("linear", "simple-gla", "mlstm", "gated-delta", "kda", "rwkv6", "dplr", "log-linear");
    }

    /** A call of NaN before leaves them wherever a chunk's end may be read past. */
    @ParameterizedTest
    @MethodSource("chunked")
    void partialLastChunksSeeNothingBehindThem1142And1143(String rule) {
        AttentionCase whole = CaseInputs.draw(rule, CaseShape.of(1, 48, 1, 8), 6);
        boolean quick = !List.of("simple-gla", "gated-delta", "kda", "dplr").contains(rule);
        for (Device device : quick ? List.of(SCALAR, JVM) : ALL) {
            for (int tokens : new int[] {17, 31}) { // 1 and C − 1 more than a chunk.
                afterNotANumber(device, whole, CaseChanges.tokens(whole, 0, tokens));
            }
        }
    }

    private static void afterNotANumber(Device device, AttentionCase whole, AttentionCase part) {
        LinearAttention attention = RuleConformance.operator(whole).withForm(new Form.Chunked(16));
        OracleResult expected = Oracle.run(part);
        AttentionCase poison = whole;
        for (String name : new String[] {"q", "k", "v"}) {
            float[] values = whole.tensor(name).clone();
            Arrays.fill(values, Float.NaN);
            poison = poison.with(name, values);
        }
        try (Arena arena = Arena.ofShared();
                AttentionPlan plan = attention.prepare(
                        device, SplitConformance.sizes(whole), RuleConformance.decay(whole), whole.toString())) {
            int row = whole.shape().hv() * whole.shape().v();
            MemorySegment o = arena.allocate(48L * row * Float.BYTES, 64);
            plan.run(SplitConformance.tensors(arena, poison), Sequences.of(1, 48), o);
            plan.clear(0);
            int tokens = part.shape().t();
            MemorySegment got = o.asSlice(0, (long) tokens * row * Float.BYTES);
            plan.run(SplitConformance.tensors(arena, part), Sequences.of(1, tokens), got);
            ErrorRatio.assertClose(
                    "o of " + part + " on " + device.id(), expected.o(), RuleConformance.doubles(got), 1e-4);
            assertThat(o.asSlice(got.byteSize()).toArray(ValueLayout.JAVA_FLOAT))
                    .as("behind o")
                    .containsOnly(Float.NaN);
        }
    }

    /** Nothing lies there: only where a call's parts would be is asked. */
    @Test
    void offsetsPastAnIntAreLong1080And1082() {
        DeltaSizes sizes = DeltaSizes.of(1 << 21, 1, 32, 32, 128, 128, HeadMap.INTERLEAVED);
        var step = new DeltaStep(Decay.CHANNEL, Erase.OWN_KEY, true, Read.AFTER, Normalize.EACH, 1);
        MemorySegment rows = MemorySegment.ofAddress(1 << 20).reinterpret(sizes.valueElements(1 << 21) * Float.BYTES);
        MemorySegment scalars = MemorySegment.ofAddress(1 << 20).reinterpret(sizes.betaElements(1 << 21) * Float.BYTES);
        var all = new DeltaOperands(rows, rows, rows, rows, scalars, rows);
        int from = (1 << 21) - 64;
        DeltaOperands part = all.slice(step, sizes, from, 1 << 21);
        for (MemorySegment x : List.of(part.q(), part.k(), part.e(), part.v(), part.g())) {
            assertThat(x.address() - rows.address()).isEqualTo(from * 32L * 128 * Float.BYTES);
            assertThat(x.byteSize()).isEqualTo(64L * 32 * 128 * Float.BYTES);
        }
        assertThat(part.beta().address() - scalars.address()).isEqualTo(from * 32L * Float.BYTES);
        Operands.require("q", rows, sizes.queryElements(1 << 21));
    }

    @Test
    void moreSequencesThanAGridHasRows1077And1097() {
        int sequences = 66_000;
        AttentionCase call = CaseInputs.draw("simple-gla", new CaseShape(sequences, 1, 1, 1, 1, 1, List.of()), 7);
        check(List.of(SCALAR, JVM), call, Form.RECURRENT);
    }

    @ParameterizedTest
    @ValueSource(strings = {"dplr", "rwkv7", "kda"})
    void everyHeadHasItsOwnGates1085(String rule) {
        AttentionCase call = CaseInputs.draw(rule, CaseShape.of(1, 37, 3, 8), 8);
        float[] gates = call.tensor("g").clone();
        float[] strengths = {0.01f, 1, 8};
        for (int i = 0; i < gates.length; i++) {
            gates[i] *= strengths[i / 8 % 3];
        }
        check(ALL, call.with("g", gates), new Form.Chunked(16));
    }

    @ParameterizedTest
    @ValueSource(ints = {8, 12, 60, 100})
    void widthsBelow16AndNoPowersOfTwo556And1135(int width) {
        AttentionCase call = CaseInputs.draw("kda", CaseShape.of(1, 18, 1, width), 9);
        check(List.of(SCALAR, JVM), call, Form.RECURRENT, new Form.Chunked(16));
        check(List.of(EMULATOR), call, width < 16 ? Form.RECURRENT : new Form.Chunked(16));
    }

    @ParameterizedTest
    @ValueSource(ints = {256, 512})
    void valuesInSeveralStrips1018And1033(int values) {
        CaseShape shape = CaseShape.of(1, 18, 1, 8).withKeyAndValue(8, values);
        AttentionCase call = CaseInputs.draw("delta", shape, 10);
        check(List.of(SCALAR, JVM), call, Form.RECURRENT, new Form.Chunked(16));
        check(List.of(EMULATOR), call, values == 256 ? new Form.Chunked(16) : Form.RECURRENT);
    }

    @ParameterizedTest
    @MethodSource("chunked")
    void sequencesShorterThanAChunk88(String rule) {
        CaseShape shape = CaseShape.packed(List.of(0, 1, 3, 6), 1, 1, 8);
        check(List.of(SCALAR, JVM), CaseInputs.draw(rule, shape, 11), Form.RECURRENT, new Form.Chunked(64));
    }

    /** exp(−1e-4) is 1 to bfloat16: a state that was kept or a gate that was summed in it would not decay at all. */
    @Test
    void faintDecaysAddUpInFloat32Vllm2408() {
        AttentionCase call = CaseInputs.draw("gated-delta", CaseShape.of(1, 6_000, 1, 4), 12);
        AttentionCase faint = call.with("g", CaseChanges.map(call.tensor("g"), _ -> -1e-4f))
                .with("beta", CaseChanges.map(call.tensor("beta"), b -> b / 1000));
        check(List.of(SCALAR, JVM), faint, Form.RECURRENT, new Form.Chunked(64));
    }

    @Test
    void normalisersGrowPastHalfPrecision() {
        GridRow row = GridRow.of("linear", CaseShape.of(1, 70_000, 1, 1)).with("normalize", "true");
        AttentionCase call = CaseInputs.draw(row, 13);
        assertThat(Arrays.stream(Oracle.run(call).extra("z")).min().orElseThrow())
                .isGreaterThan(65_504);
        check(List.of(SCALAR), call, Form.RECURRENT);
        check(List.of(JVM), call, new Form.Chunked(64));
    }

    /** Padding has no key, no gate and no strength; what it has for q and v does not matter. */
    @ParameterizedTest
    @ValueSource(strings = {"gated-delta", "kda"})
    void paddingOnTheLeftChangesNothing(String rule) {
        AttentionCase whole =
                CaseInputs.draw(GridRow.of(rule, CaseShape.of(1, 21, 1, 8)).withoutInitialState(), 14);
        int padding = 5;
        AttentionCase padded = whole;
        for (String name : new String[] {"k", "g", "beta"}) {
            float[] values = whole.tensor(name).clone();
            Arrays.fill(values, 0, values.length / 21 * padding, 0);
            padded = padded.with(name, values);
        }
        AttentionCase bare = CaseChanges.tokens(whole, padding, 21);
        for (Device device : ALL) {
            double[] o =
                    SplitConformance.whole(device, padded, new Form.Chunked(16)).getOrDefault("o", new double[0]);
            double[] wanted =
                    SplitConformance.whole(device, bare, new Form.Chunked(16)).getOrDefault("o", new double[0]);
            ErrorRatio.assertClose("o on " + device.id(), wanted, Arrays.copyOfRange(o, padding * 8, o.length), 1e-5);
        }
    }
}
