package dev.gust.cli;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.gust.formats.file.TensorSource;
import dev.gust.formats.tensor.TensorInfo;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Parameters;

/** {@code gust inspect}. */
@Command(
        name = "inspect",
        mixinStandardHelpOptions = true,
        versionProvider = Version.class,
        description = "Shows a model's container, metadata, tensors and the quantization found in it.")
final class InspectCommand implements Callable<Integer> {
    /** Vocabularies in metadata run to megabytes; a table shows how they begin. */
    private static final int METADATA_CHARACTERS = 100;

    @Mixin
    CommonOptions common = new CommonOptions();

    @Parameters(index = "0", paramLabel = "IN")
    String in = "";

    @Override
    public Integer call() {
        common.checkArguments();
        try (Models model = Models.open(in)) {
            if (common.json) {
                common.out().print(json(model));
            } else if (!common.quiet) {
                print(model);
            }
        }
        return ExitCodes.DONE;
    }

    private void print(Models model) {
        TensorSource source = model.input().source();
        List<String> schemes = model.logical().quantizations();
        var out = common.out();
        out.println("format        " + source.format());
        out.println("quantization  " + (schemes.isEmpty() ? "none" : String.join(", ", schemes)));
        for (Map.Entry<String, String> entry : source.metadata().entrySet()) {
            String value = OneLine.of(entry.getValue());
            out.println("metadata      " + OneLine.of(entry.getKey()) + " = "
                    + (value.length() > METADATA_CHARACTERS ? value.substring(0, METADATA_CHARACTERS) + "…" : value));
        }
        var table = new TextTable("tensor", "dtype", "shape", ">bytes");
        long elements = 0;
        long bytes = 0;
        for (TensorInfo tensor : source.tensors()) {
            table.row(
                    tensor.name(),
                    tensor.dtype().name(),
                    tensor.shape().toString(),
                    Figures.grouped(tensor.byteSize()));
            elements += tensor.shape().elements();
            bytes += tensor.byteSize();
        }
        table.print(out);
        out.println(source.tensors().size() + " tensors, " + Figures.grouped(elements) + " elements, "
                + Figures.bytes(bytes));
    }

    private String json(Models model) {
        TensorSource source = model.input().source();
        ObjectNode root = JsonNodeFactory.instance.objectNode();
        root.put("input", in);
        root.put("format", source.format());
        ArrayNode schemes = root.putArray("quantization");
        model.logical().quantizations().forEach(schemes::add);
        ObjectNode metadata = root.putObject("metadata");
        source.metadata().forEach(metadata::put);
        ArrayNode tensors = root.putArray("tensors");
        for (TensorInfo tensor : source.tensors()) {
            ObjectNode node = tensors.addObject();
            node.put("name", tensor.name());
            node.put("dtype", tensor.dtype().name());
            ArrayNode shape = node.putArray("shape");
            for (long d : tensor.shape().dims()) {
                shape.add(d);
            }
            node.put("bytes", tensor.byteSize());
        }
        root.put(
                "bytes",
                source.tensors().stream().mapToLong(TensorInfo::byteSize).sum());
        return root.toPrettyString() + "\n";
    }
}
