package dev.gust.lint;

/**
 * One thing that a rule refuses, and what is to be written instead.
 *
 * @param refused a source whose lines marked with {@link Probe#REFUSED} break the rule, and nothing else
 * @param accepted a source with the replacement
 */
record RuleCase(Rule rule, String refused, String accepted) {
    static RuleCase statements(Rule rule, String refused, String accepted) {
        return new RuleCase(rule, Probe.statements(refused), Probe.statements(accepted));
    }

    static RuleCase members(Rule rule, String refused, String accepted) {
        return new RuleCase(rule, Probe.members(refused), Probe.members(accepted));
    }

    /** An expression of a type that is stored in a variable. */
    static RuleCase value(Rule rule, String type, String refused, String accepted) {
        return statements(rule, type + " value = " + refused + "; // refused", type + " value = " + accepted + ";");
    }

    @Override
    public String toString() {
        String line = refused.lines()
                .filter(text -> text.endsWith(Probe.REFUSED))
                .findFirst()
                .orElseThrow();
        return rule.id() + ": "
                + line.substring(0, line.length() - Probe.REFUSED.length()).strip();
    }
}
