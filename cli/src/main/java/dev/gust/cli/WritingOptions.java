package dev.gust.cli;

import dev.gust.quantization.pipeline.RunOptions;
import picocli.CommandLine.Option;

/** Options of every verb that writes a model. */
final class WritingOptions {
    @Option(names = "--resume", description = "Go on where an interrupted run of the same command stopped.")
    boolean resume;

    @Option(names = "--overwrite", description = "Replace OUT if it exists.")
    boolean overwrite;

    RunOptions run(CommonOptions common) {
        return new RunOptions(common.threads, resume, overwrite, common.interruption()::isRequested, common.progress());
    }
}
