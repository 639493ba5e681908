package dev.gust.cli;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.Locale;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;

/** {@code gust bench}. */
@Command(
        name = "bench",
        mixinStandardHelpOptions = true,
        description = "Measures how fast this machine quantizes and restores weights in every scheme, one thread,"
                + " beside copying them. Takes about half a minute.")
final class BenchCommand implements Callable<Integer> {
    @Mixin
    CommonOptions common = new CommonOptions();

    @Option(names = "--seconds", paramLabel = "S", description = "Time for each scheme and direction (default: 1).")
    double seconds = 1;

    @Override
    public Integer call() {
        common.check();
        if (!(seconds > 0 && seconds <= 3600)) {
            throw new ParameterException(
                    common.spec.commandLine(), "--seconds takes a number above 0 and up to 3600, not " + seconds);
        }
        SchemeTiming.Result result = SchemeTiming.measure(SchemeTiming.LARGE, seconds);
        if (common.json) {
            common.out().print(json(result));
        } else if (!common.quiet) {
            print(result);
        }
        return ExitCodes.DONE;
    }

    private void print(SchemeTiming.Result result) {
        var table = new TextTable("scheme", "device", ">quantize", ">of copy", ">restore", ">of copy");
        for (SchemeTiming.Row row : result.rows()) {
            table.row(
                    row.scheme(),
                    "jvm",
                    rate(row.quantize()),
                    percent(row.quantize() / result.copy()),
                    rate(row.restore()),
                    percent(row.restore() / result.copy()));
        }
        table.print(common.out());
        common.out().println("bytes read and written, one thread; copying float32: " + rate(result.copy()));
    }

    private static String rate(double bytesPerSecond) {
        return String.format(Locale.ROOT, "%.2f GB/s", bytesPerSecond / 1e9);
    }

    private static String percent(double fraction) {
        return String.format(Locale.ROOT, "%.0f%%", 100 * fraction);
    }

    static String json(SchemeTiming.Result result) {
        ObjectNode root = JsonNodeFactory.instance.objectNode();
        root.put("copy_bytes_per_second", result.copy());
        ArrayNode rows = root.putArray("schemes");
        for (SchemeTiming.Row row : result.rows()) {
            ObjectNode node = rows.addObject();
            node.put("scheme", row.scheme());
            node.put("device", "jvm");
            node.put("quantize_bytes_per_second", row.quantize());
            node.put("restore_bytes_per_second", row.restore());
        }
        return root.toPrettyString() + "\n";
    }
}
