package dev.gust.runtime.attention;

import dev.gust.formats.InputException;
import java.lang.foreign.MemorySegment;
import java.util.Map;
import java.util.stream.Collectors;

/** What every rule asks of a call before anything runs. */
final class CallCheck {
    private final String where;
    private final RuleEntry rule;
    private final AttentionSizes sizes;
    private final int multiple;

    /**
     * @param where what errors name: where the tensors come from
     * @param multiple steps or levels, whichever the rule has
     */
    CallCheck(String where, RuleEntry rule, AttentionSizes sizes, int multiple) {
        this.where = where;
        this.rule = rule;
        this.sizes = sizes;
        this.multiple = multiple;
    }

    String where() {
        return where;
    }

    /**
     * @throws InputException if a tensor is missing or unknown, sizes do not fit, or a gate is NaN, +∞, or −∞ where it is no logarithm
     */
    void check(Map<String, MemorySegment> tensors, Sequences sequences, MemorySegment o) {
        int tokens = sequences.tokens();
        if (tokens > sizes.tokens() || sequences.count() > sizes.sequences()) {
            throw InputException.of(
                    where,
                    tokens + " tokens in " + sequences.count() + " sequences for a plan of at most " + sizes.tokens()
                            + " in " + sizes.sequences(),
                    "prepare a larger plan, or give fewer at a time");
        }
        for (String name : tensors.keySet()) {
            if (rule.operands().stream().noneMatch(x -> x.name().equals(name))) {
                throw InputException.ofTensor(
                        where, name, "is none of this rule's tensors", "it takes " + operandNames());
            }
        }
        for (Operand operand : rule.operands()) {
            MemorySegment tensor = tensors.getOrDefault(operand.name(), DeltaOperands.NOTHING);
            if (tensor.equals(DeltaOperands.NOTHING) && (operand.optional() || tokens == 0)) {
                continue;
            }
            if (!tensors.containsKey(operand.name())) {
                throw InputException.ofTensor(
                        where,
                        operand.name(),
                        "is missing",
                        "give it as " + operand.extent().shape());
            }
            long elements = tensor.byteSize() / Float.BYTES;
            if (tensor.byteSize() % Float.BYTES != 0 || !operand.extent().fits(elements, sizes, tokens, multiple)) {
                throw InputException.ofTensor(
                        where,
                        operand.name(),
                        "has " + elements + " elements where "
                                + operand.extent().elements(sizes, tokens, multiple) + " are wanted",
                        "give it as " + operand.extent().shape());
            }
            Gates.require(where, operand.name(), operand.range(), tensor);
        }
        long wanted = Operand.Extent.VALUE.elements(sizes, tokens, multiple);
        if (o.byteSize() != wanted * Float.BYTES) {
            throw new IllegalArgumentException(
                    "o has " + o.byteSize() + " bytes where " + wanted + " floats are wanted");
        }
    }

    private String operandNames() {
        return rule.operands().stream().map(Operand::name).collect(Collectors.joining(", "));
    }
}
