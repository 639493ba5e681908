package dev.gust.runtime.attention;

import dev.gust.runtime.device.Device;
import dev.gust.runtime.kernel.KernelStyle;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;

/**
 * Every rule's behaviours on a device that takes long: token by token and in chunks of one length, another from row to row;
 * everything of a form by one plan. With {@code -Dgust.grid=all} in chunks of all lengths, by all kernels.
 *
 * @param kernels which kernels: the first, and for every fourth row the others too
 */
record BehaviourSample(Device device, CaseShape shape, List<KernelStyle> kernels) {
    private static final List<Integer> LENGTHS = List.of(16, 32, 64);

    /** Forms to take beside {@link Form#RECURRENT} where that many rows went before. */
    private static List<Form> chunks(int row) {
        List<Integer> lengths = GridSample.ALL ? LENGTHS : List.of(LENGTHS.get(row % LENGTHS.size()));
        return lengths.stream().<Form>map(Form.Chunked::new).toList();
    }

    private List<KernelStyle> styles(int row) {
        return GridSample.ALL || row % 4 == 3 ? kernels : kernels.subList(0, 1);
    }

    /** Checks a row of {@link BehaviourCases}. */
    void check(int row) {
        AttentionCase call = BehaviourCases.draw(BehaviourCases.rows(shape).get(row), 3);
        for (KernelStyle style : styles(row)) {
            Map<String, double[]> steps = check(call, style, Form.RECURRENT);
            for (Form form : chunks(row)) {
                SplitConformance.compare(steps, check(call, style, form), call + " " + form + " on " + device.id());
            }
        }
    }

    private Map<String, double[]> check(AttentionCase call, KernelStyle style, Form form) {
        try (var plan = new BehaviourPlan(device, Optional.of(style), call, form, 4)) {
            Map<String, double[]> whole = plan.whole();
            plan.agreesWithTheOracle(whole);
            plan.takesSequencesOfAnyLength();
            plan.goesOn(whole);
            plan.whatHasNoTokensKeepsItsState();
            plan.seesNothingBehindItsTokens();
            plan.gatesOfZeroDecayNothing();
            plan.gatesOfMinusInfinityForget();
            plan.largeGatesStayFinite();
            return whole;
        }
    }

    /** Checks a rule that is another's special case. */
    void check(SpecialCase special) {
        forms(special.ordinal(), special::check);
    }

    void checkMamba2() {
        forms(0, Mamba2Conformance::check);
    }

    /** Checks states with V first, of one call whose keys decay as a whole and of one whose channels do by themselves. */
    void checkGgml() {
        var random = new Random(22);
        GgmlConformance.check(device, GgmlConformance.draw(random, 2, 4, false));
        GgmlConformance.check(device, GgmlConformance.draw(random, 2, 2, true));
    }

    /** What is checked of a form. */
    private interface FormCheck {
        void check(Device device, Optional<KernelStyle> kernels, Form form);
    }

    private void forms(int turn, FormCheck check) {
        List<Form> all = List.of(new Form.Chunked(32), Form.RECURRENT);
        for (KernelStyle style : styles(turn)) {
            for (Form form : GridSample.ALL ? all : List.of(all.get(turn % 2))) {
                check.check(device, Optional.of(style), form);
            }
        }
    }
}
