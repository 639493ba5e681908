package dev.gust.cli;

import dev.gust.quantization.pipeline.Progress;
import me.tongfei.progressbar.ProgressBar;
import me.tongfei.progressbar.ProgressBarBuilder;
import me.tongfei.progressbar.ProgressBarStyle;
import org.jspecify.annotations.Nullable;

/** Progress as a bar on the terminal behind stderr. */
final class ProgressBars implements Progress {
    private static final long MEBIBYTE = 1 << 20;

    private @Nullable ProgressBar bar;

    @Override
    public void begin(String what, long totalBytes) {
        bar = new ProgressBarBuilder()
                .setTaskName(what)
                .setInitialMax(totalBytes)
                .setUnit(" MiB", MEBIBYTE)
                .setStyle(ProgressBarStyle.ASCII)
                .setUpdateIntervalMillis(200)
                .clearDisplayOnFinish()
                .build();
    }

    @Override
    public void advance(String tensor, long bytes) {
        if (bar != null) {
            bar.stepBy(bytes);
        }
    }

    @Override
    public void end() {
        if (bar != null) {
            bar.close();
            bar = null;
        }
    }
}
