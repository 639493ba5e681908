package dev.gust.runtime.attention;

import static java.util.Map.entry;

import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.stream.IntStream;

/**
 * Every rule, token by token in float64. Each recurrence is written from its own definition and not as an instance of a
 * general one, so that it can tell whether the kernels' common form stands for it.
 */
public final class Oracle {
    /** Goes through one head's tokens: writes o by {@link OracleHead#emit} and leaves the last state in s. */
    interface Recurrence {
        void run(OracleHead head, double[][] s);
    }

    private static final Map<String, Recurrence> RULES = Map.ofEntries(
            entry("linear", AdditiveOracles::linear),
            entry("retention", AdditiveOracles::retention),
            entry("lightning", AdditiveOracles::lightning),
            entry("simple-gla", AdditiveOracles::simpleGla),
            entry("gla", AdditiveOracles::gla),
            entry("hgrn2", AdditiveOracles::hgrn2),
            entry("lightnet", AdditiveOracles::lightNet),
            entry("rwkv6", AdditiveOracles::rwkv6),
            entry("delta", DeltaOracles::delta),
            entry("delta-neg-eig", DeltaOracles::delta),
            entry("gated-delta", DeltaOracles::gatedDelta),
            entry("kda", DeltaOracles::kda),
            entry("gated-delta-2", DeltaOracles::gatedDelta2),
            entry("delta-product", DeltaOracles::deltaProduct),
            entry("kaczmarz", DeltaOracles::kaczmarz),
            entry("comba", DeltaOracles::comba),
            entry("preconditioned-delta", DeltaOracles::preconditionedDelta),
            entry("online-scaled-delta", DeltaOracles::onlineScaledDelta),
            entry("dplr", DplrOracles::dplr),
            entry("rwkv7", DplrOracles::rwkv7),
            entry("mlstm", MlstmOracle::run),
            entry("log-linear", LogLinearOracle::run),
            entry("hgrn", DiagonalOracles::hgrn),
            entry("dlr", DiagonalOracles::dlr),
            entry("lssl", DiagonalOracles::lssl));

    private Oracle() {}

    /** Names of all rules. */
    public static Set<String> rules() {
        return RULES.keySet();
    }

    /** Runs the case's rule. */
    public static OracleResult run(AttentionCase call) {
        Recurrence rule = RULES.get(call.rule());
        if (rule == null) {
            throw new IllegalArgumentException("no oracle for '" + call.rule() + "'");
        }
        return run(call, rule);
    }

    /** Runs another form of a recurrence, to compare it with an oracle. */
    static OracleResult run(AttentionCase call, Recurrence rule) {
        CaseShape shape = call.shape();
        double[] o = new double[shape.b() * shape.t() * shape.hv() * shape.v()];
        int stateSize = shape.k() * shape.v();
        double[] states = new double[shape.sequences() * shape.hv() * stateSize];
        int runs = shape.sequences() * shape.hv();
        OracleHead[] heads = new OracleHead[runs];
        IntStream.range(0, runs).parallel().forEach(i -> {
            OracleHead head = new OracleHead(call, i / shape.hv(), i % shape.hv(), o);
            heads[i] = head;
            double[][] s = head.state();
            rule.run(head, s);
            for (int row = 0; row < shape.k(); row++) {
                System.arraycopy(s[row], 0, states, i * stateSize + row * shape.v(), shape.v());
            }
        });
        return new OracleResult(o, states, extras(heads));
    }

    private static Map<String, double[]> extras(OracleHead[] heads) {
        Map<String, double[]> extras = new TreeMap<>();
        for (int i = 0; i < heads.length; i++) {
            int index = i;
            heads[i].carried()
                    .forEach((name, values) -> System.arraycopy(
                            values,
                            0,
                            extras.computeIfAbsent(name, _ -> new double[heads.length * values.length]),
                            index * values.length,
                            values.length));
        }
        return extras;
    }
}
