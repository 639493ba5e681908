package dev.gust.cli;

import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.gust.quantization.vq.HeadRequest;
import dev.gust.quantization.vq.HeadSource;
import dev.gust.quantization.vq.TrainedHead;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.Locale;

/** What {@code vqhead} says of the head that it built. */
record HeadReport(String in, Path out, HeadRequest request, HeadSource source, TrainedHead head, double seconds) {
    void print(CommonOptions common) {
        if (common.json) {
            common.out().println(json().toPrettyString());
        } else if (!common.quiet) {
            text(common.out());
        }
        common.out().flush();
    }

    private double bytesPerRow() {
        return (double) head.screenBytes() / source.rows().count();
    }

    private ObjectNode json() {
        ObjectNode root = JsonNodeFactory.instance.objectNode();
        root.put("verb", "vqhead");
        root.put("input", in);
        root.put("output", out.toString());
        root.put("tensor", source.name());
        root.put("rows", source.rows().count());
        root.put("columns", source.rows().length());
        root.set("head", head.settings());
        root.put("screen_bytes", head.screenBytes());
        root.put("screen_bytes_per_row", bytesPerRow());
        root.put("exact_bytes_per_row", source.exactRowBytes());
        root.put("relative_error", head.relativeError());
        head.clusters().ifPresent(sizes -> {
            ObjectNode node = root.putObject("clusters");
            node.put("count", sizes.count());
            node.put("empty", sizes.empty());
            node.put("smallest", sizes.smallest());
            node.put("median", sizes.median());
            node.put("largest", sizes.largest());
            node.put("iterations", sizes.iterations());
            node.put("repaired", sizes.repaired());
        });
        root.put("seconds", seconds);
        return root;
    }

    private void text(PrintWriter out) {
        out.printf(
                Locale.ROOT,
                "%s: %s of %s rows of %d%n",
                OneLine.of(source.name()),
                request.method().label(),
                Figures.grouped(source.rows().count()),
                source.rows().length());
        out.printf(
                Locale.ROOT,
                "the screen reads %s, %.1f bytes a row where an exact row takes %d; relative error %s%n",
                Figures.bytes(head.screenBytes()),
                bytesPerRow(),
                source.exactRowBytes(),
                Figures.scientific(head.relativeError()));
        head.clusters()
                .ifPresent(sizes -> out.printf(
                        Locale.ROOT,
                        "%s clusters of %d to %d rows, %d in the middle, %d empty; %d passes%n",
                        Figures.grouped(sizes.count()),
                        sizes.smallest(),
                        sizes.largest(),
                        sizes.median(),
                        sizes.empty(),
                        sizes.iterations()));
        out.printf(Locale.ROOT, "wrote %s in %.1f s%n", OneLine.of(this.out.toString()), seconds);
    }
}
