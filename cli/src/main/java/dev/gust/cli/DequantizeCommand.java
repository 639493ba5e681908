package dev.gust.cli;

import dev.gust.formats.tensor.DType;
import dev.gust.quantization.pipeline.ConversionPlanner;
import dev.gust.quantization.pipeline.OutputPlan;
import java.nio.file.Path;
import java.util.Map;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** {@code gust dequantize}. */
@Command(
        name = "dequantize",
        mixinStandardHelpOptions = true,
        versionProvider = Version.class,
        description = "Stores every float tensor in a plain type, in any container.")
final class DequantizeCommand implements Callable<Integer> {
    /** The types a model can be dequantized to. */
    enum Plain {
        F32,
        BF16,
        F16
    }

    @Mixin
    CommonOptions common = new CommonOptions();

    @Mixin
    WritingOptions writing = new WritingOptions();

    @Parameters(index = "0", paramLabel = "IN")
    String in = "";

    @Parameters(index = "1", paramLabel = "OUT")
    Path out = Path.of("");

    @Option(names = "--dtype", required = true, paramLabel = "T", description = "F32, BF16 or F16.")
    Plain dtype = Plain.F32;

    @Override
    public Integer call() {
        common.check();
        try (Models model = Models.open(in)) {
            OutputPlan plan =
                    ConversionPlanner.dequantize(model.input(), model.logical(), DType.valueOf(dtype.name()), out);
            RewriteRun.run("dequantize", in, model, plan, Map.of("dtype", dtype.name()), common, writing);
        }
        return ExitCodes.DONE;
    }
}
