package dev.gust.cli;

import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.gust.formats.model.TensorFiles;
import dev.gust.quantization.calibration.Calibrator;
import dev.gust.quantization.pipeline.Progress;
import dev.gust.quantization.text.TextLines;
import dev.gust.quantization.text.TextTokenizer;
import dev.gust.quantization.text.TokenBatches;
import dev.gust.runtime.Devices;
import dev.gust.runtime.device.Device;
import dev.gust.runtime.encoder.Encoder;
import dev.gust.runtime.encoder.EncoderOptions;
import dev.gust.runtime.layer.Pooling;
import java.nio.file.Path;
import java.util.Map;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Parameters;

/** {@code gust calibrate}. */
@Command(
        name = "calibrate",
        mixinStandardHelpOptions = true,
        versionProvider = Version.class,
        description = {
            "Runs text through a text encoder and writes, for each linear layer NAME, the sum of x xT over its inputs"
                    + " (NAME.gram), the greatest magnitude of each channel (NAME.amax) and the number of inputs"
                    + " (NAME.count)."
        })
final class CalibrateCommand implements Callable<Integer> {
    @Mixin
    CommonOptions common = new CommonOptions();

    @Mixin
    TextOptions text = new TextOptions();

    @Parameters(index = "0", paramLabel = "IN", description = "An encoder of BERT's kind, such as all-MiniLM-L6-v2.")
    String in = "";

    @Parameters(index = "1", paramLabel = "OUT", description = "A .safetensors or .arrow file.")
    Path out = Path.of("");

    @Override
    public Integer call() {
        EncoderOptions options = text.encoder(common, Pooling.Kind.MEAN);
        TensorFiles.requireKind(out);
        try (TextLines lines = TextLines.open(text.text);
                Models model = Models.open(in);
                Device device = Devices.open(common.deviceId());
                Encoder encoder =
                        Encoder.load(device, model.logical(), model.input().config(), options);
                TextTokenizer tokenizer = text.tokenizer(Map.of(in, model.input()), encoder);
                Calibrator calibration = new Calibrator(in, encoder, common.threads)) {
            var batches = new TokenBatches(lines, tokenizer, encoder.tokens(), text.maxTokens);
            Progress progress = common.progress();
            progress.begin("calibrate", lines.byteSize());
            try {
                calibration.add(batches, progress);
            } finally {
                progress.end();
            }
            calibration.write(out);
            report(device, batches, calibration);
        }
        return ExitCodes.DONE;
    }

    private void report(Device device, TokenBatches batches, Calibrator calibration) {
        if (common.json) {
            ObjectNode root = JsonNodeFactory.instance.objectNode();
            root.put("in", in);
            root.put("out", out.toString());
            root.put("device", device.id().toString());
            root.put("lines", batches.lines());
            root.put("tokens", batches.tokens());
            root.put("truncated", batches.truncated());
            calibration.layers().forEach(root.putArray("layers")::add);
            common.out().print(root.toPrettyString() + "\n");
        } else if (!common.quiet) {
            common.out()
                    .println(OneLine.of(calibration.layers().size() + " layers from "
                            + TextOptions.summary(batches.lines(), batches.tokens(), batches.truncated()) + " on "
                            + device.id() + ": " + out));
        }
    }
}
