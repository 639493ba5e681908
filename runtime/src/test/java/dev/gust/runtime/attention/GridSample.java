package dev.gust.runtime.attention;

import dev.gust.runtime.device.Device;
import dev.gust.runtime.kernel.KernelStyle;
import java.util.List;
import java.util.Optional;

/**
 * The rows of a grid that a slow device takes: every so many, by one form and the other in turns. With {@code -Dgust.grid=all},
 * set by hand, it takes all of them in both forms, which is too long for each build.
 *
 * @param every 1 for all rows
 * @param kernels which kernels, in turns too; empty for the device's own
 */
record GridSample(int every, List<KernelStyle> kernels) {
    static final boolean ALL = System.getProperty("gust.grid", "").equals("all");

    /** Whether a row is among them. */
    boolean takes(int row) {
        return ALL || row % every == 0;
    }

    /** Checks a row that is. */
    void check(Device device, int row, AttentionCase call, OracleResult expected) {
        List<Form> forms = List.of(Form.RECURRENT, RuleConformance.chunked(call));
        int turn = row / every;
        for (Form form : ALL ? forms : List.of(forms.get(turn % 2))) {
            Optional<KernelStyle> style =
                    kernels.isEmpty() ? Optional.empty() : Optional.of(kernels.get(turn / 2 % kernels.size()));
            RuleConformance.check(device, call, expected, form, style);
        }
    }
}
