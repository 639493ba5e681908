package dev.gust.runtime.attention;

import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.gust.formats.UsageException;
import dev.gust.runtime.device.Device;
import dev.gust.runtime.emulator.EmulatorDevice;
import dev.gust.runtime.jvm.JvmDevice;
import dev.gust.runtime.scalar.ScalarDevice;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Chunks that are longer than a tile, up to 1,024 tokens, give what the recurrence gives. */
class LongChunkTest {
    private static final Device SCALAR = new ScalarDevice();
    private static final Device JVM = new JvmDevice();
    private static final Device EMULATOR = new EmulatorDevice(2);

    @AfterAll
    static void close() {
        SCALAR.close();
        JVM.close();
        EMULATOR.close();
    }

    static Stream<GridRow> rules() {
        return Stream.concat(
                Stream.of("linear", "retention", "simple-gla", "mlstm").map(rule -> GridRow.of(rule, tiles())),
                Stream.of(
                        GridRow.of("mlstm", tiles()).with("input-gate", "sigmoid"),
                        GridRow.of("mlstm", tiles()).withL2norm(),
                        GridRow.of("gla", tiles()).withL2norm(),
                        // With z as a column of its own.
                        GridRow.of("linear", tiles()).with("normalize", "true")));
    }

    /** Tiles that are full and partial, chunks that are, an empty sequence, K and V past a tile and not whole. */
    private static CaseShape tiles() {
        return new CaseShape(1, 150, 1, 1, 20, 70, List.of(0, 140, 140, 141, 150));
    }

    @ParameterizedTest
    @MethodSource("rules")
    void tiledChunksAgreeWithTheRecurrence(GridRow row) {
        AttentionCase call = CaseInputs.draw(row, 11);
        OracleResult expected = Oracle.run(call);
        if (row.rule().equals("simple-gla")
                || call.attributes().isEmpty() && row.rule().equals("mlstm")) {
            RuleConformance.check(EMULATOR, call, expected, new Form.Chunked(130)); // It takes its time.
        }
        for (int length : new int[] {65, 1024}) {
            RuleConformance.check(SCALAR, call, expected, new Form.Chunked(length));
            RuleConformance.check(JVM, call, expected, new Form.Chunked(length));
        }
    }

    /** TFLA's claim: what bounds a chunk is not local memory. */
    @Test
    void aChunkHas1024Tokens() {
        AttentionCase call = CaseInputs.draw(GridRow.of("mlstm", CaseShape.of(1, 1030, 1, 4)), 3);
        OracleResult expected = Oracle.run(call);
        for (Device device : List.of(SCALAR, JVM)) {
            RuleConformance.check(device, call, expected, new Form.Chunked(1024));
        }
        // The emulator takes seconds for a few tiles; TornadoVM gets all of them.
        CaseShape wide = new CaseShape(1, 140, 1, 1, 70, 5, List.of());
        AttentionCase part = CaseInputs.draw(GridRow.of("mlstm", wide), 3);
        RuleConformance.check(EMULATOR, part, Oracle.run(part), new Form.Chunked(1024));
    }

    /** Heads that reset at every token, within and between tiles. */
    @ParameterizedTest
    @ValueSource(floats = {-166, -0.001f, 0})
    void strongWeakAndNoDecays(float gate) {
        AttentionCase call = CaseInputs.draw("simple-gla", CaseShape.of(1, 140, 1, 8), 5);
        AttentionCase decaying = call.with("g", CaseChanges.map(call.tensor("g"), g -> g < -0.5 ? gate : gate / 100));
        OracleResult expected = Oracle.run(decaying);
        for (Device device : gate == -166 ? List.of(SCALAR, JVM, EMULATOR) : List.of(SCALAR, JVM)) {
            RuleConformance.check(device, decaying, expected, new Form.Chunked(140));
        }
    }

    @Test
    void gatesRecordedFromModels() {
        for (String model : RealGates.MODELS) {
            AttentionCase call = RealGates.of(model).first(1, 300).draw("simple-gla", 12, 5);
            OracleResult expected = Oracle.run(call);
            for (Device device : List.of(SCALAR, JVM)) {
                RuleConformance.check(device, call, expected, new Form.Chunked(256));
            }
        }
    }

    /** What keeps pairs, or erases, goes on in shorter ones. */
    @ParameterizedTest
    @ValueSource(strings = {"gated-delta", "kda", "rwkv6"})
    void otherDeltaStepsTakeShorterChunks(String rule) {
        AttentionCase call = CaseInputs.draw(rule, CaseShape.of(1, 150, 1, 12), 5);
        OracleResult expected = Oracle.run(call);
        for (Device device : List.of(SCALAR, JVM)) {
            RuleConformance.check(device, call, expected, new Form.Chunked(512));
        }
    }

    @Test
    void whereThereAreNoneTheyAreRefused() {
        AttentionCase call = CaseInputs.draw("dplr", CaseShape.of(1, 5, 1, 4), 5);
        OracleResult expected = Oracle.run(call);
        assertThatThrownBy(() -> RuleConformance.check(JVM, call, expected, new Form.Chunked(129)))
                .isInstanceOf(UsageException.class)
                .hasMessageContaining("129")
                .hasMessageContaining("1 to 128");
        assertThatThrownBy(() -> new Form.Chunked(1025)).isInstanceOf(UsageException.class);
    }
}
