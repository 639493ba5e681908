package dev.gust.cli;

import dev.gust.quantization.pipeline.ConversionPlanner;
import dev.gust.quantization.pipeline.OutputPlan;
import java.nio.file.Path;
import java.util.Map;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Parameters;

/** {@code gust convert}. */
@Command(
        name = "convert",
        mixinStandardHelpOptions = true,
        versionProvider = Version.class,
        description = "Stores a model in another container, values unchanged: a folder, .safetensors, .gguf or .arrow.")
final class ConvertCommand implements Callable<Integer> {
    @Mixin
    CommonOptions common = new CommonOptions();

    @Mixin
    WritingOptions writing = new WritingOptions();

    @Parameters(index = "0", paramLabel = "IN")
    String in = "";

    @Parameters(index = "1", paramLabel = "OUT")
    Path out = Path.of("");

    @Override
    public Integer call() {
        common.check();
        try (Models model = Models.open(in)) {
            OutputPlan plan = ConversionPlanner.convert(model.input(), model.logical(), out);
            RewriteRun.run("convert", in, model, plan, Map.of(), common, writing);
        }
        return ExitCodes.DONE;
    }
}
