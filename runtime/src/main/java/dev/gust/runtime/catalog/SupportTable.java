package dev.gust.runtime.catalog;

import dev.gust.runtime.device.DeviceId;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Set;

/** The README's table of what runs where, in Markdown. */
public final class SupportTable {
    private static final List<DeviceId.Kind> KINDS =
            List.of(DeviceId.Kind.JVM, DeviceId.Kind.SCALAR, DeviceId.Kind.EMULATOR, DeviceId.Kind.TORNADO);

    private SupportTable() {}

    /** The table, with a note for every reason why something does not run. */
    public static String markdown(List<OperatorEntry> operators) {
        var text = new StringBuilder("| operator | variant | stored as | shapes | forms |");
        KINDS.forEach(
                k -> text.append(' ').append(k.name().toLowerCase(Locale.ROOT)).append(" |"));
        text.append(" gradient |\n|---|---|---|---|---|")
                .append("---|".repeat(KINDS.size() + 1))
                .append('\n');
        Set<String> reasons = new LinkedHashSet<>();
        for (OperatorEntry operator : operators) {
            for (Variant variant : operator.variants()) {
                text.append("| ").append(operator.name());
                text.append(" | ").append(variant.name());
                text.append(" | ").append(variant.dtypes());
                text.append(" | ").append(variant.shapes());
                text.append(" | ").append(String.join(", ", variant.forms())).append(" |");
                for (DeviceId.Kind kind : KINDS) {
                    text.append(' ')
                            .append(
                                    switch (variant.on(kind)) {
                                        case Support.Valid _ -> "yes";
                                        case Support.Invalid(var why) -> {
                                            reasons.add(why);
                                            yield "no (" + (List.copyOf(reasons).indexOf(why) + 1) + ")";
                                        }
                                    })
                            .append(" |");
                }
                text.append(variant.gradient() ? " yes |\n" : "  |\n");
            }
        }
        int note = 1;
        for (String reason : reasons) {
            text.append('\n')
                    .append('(')
                    .append(note++)
                    .append(") ")
                    .append(reason)
                    .append('\n');
        }
        return text.toString();
    }
}
