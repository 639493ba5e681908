package dev.gust.cli;

import dev.gust.formats.layout.QuantizationConfig;
import dev.gust.formats.model.ModelFiles;
import dev.gust.formats.model.ModelInput;
import dev.gust.formats.weight.LogicalModel;

/**
 * A model as a verb sees it. Closing it closes the files.
 *
 * @param input the files
 * @param logical the tensors as the model means them
 */
record Models(ModelInput input, LogicalModel logical) implements AutoCloseable {
    static Models open(String in) {
        ModelInput input = ModelFiles.open(in);
        try {
            return new Models(
                    input, LogicalModel.of(input.source(), input.config().flatMap(QuantizationConfig::declaredScheme)));
        } catch (RuntimeException e) {
            input.close();
            throw e;
        }
    }

    @Override
    public void close() {
        input.close();
    }
}
