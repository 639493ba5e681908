package dev.gust.formats.model;

import dev.gust.formats.OutputException;
import dev.gust.formats.UsageException;
import dev.gust.formats.arrow.ArrowLayout;
import dev.gust.formats.file.FileLayout;
import dev.gust.formats.file.LayoutWriter;
import dev.gust.formats.safetensors.SafetensorsLayout;
import dev.gust.formats.tensor.Tensor;
import dev.gust.formats.tensor.TensorInfo;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/** Writes tensors that are in memory to one file. */
public final class TensorFiles {
    private TensorFiles() {}

    /**
     * Writes a file, or replaces it: whole, or not at all.
     *
     * @param out its name ends in {@code .safetensors} or {@code .arrow}
     * @param tensors what it will hold
     * @throws UsageException if the name says another kind of file
     * @throws OutputException if it cannot be written
     */
    public static void write(Path out, List<Tensor> tensors) {
        write(out, tensors, Map.of());
    }

    /**
     * As {@link #write(Path, List)}, with metadata.
     *
     * @param metadata texts by key
     */
    public static void write(Path out, List<Tensor> tensors, Map<String, String> metadata) {
        List<TensorInfo> infos = tensors.stream().map(Tensor::info).toList();
        FileLayout layout = layout(out, infos, metadata);
        Path target = out.toAbsolutePath();
        Path partial = target.resolveSibling(target.getFileName() + ".partial");
        try {
            Files.createDirectories(target.getParent());
            try {
                try (LayoutWriter writer = LayoutWriter.open(partial, layout)) {
                    for (Tensor tensor : tensors) {
                        writer.write(tensor.name(), 0, tensor.data());
                    }
                    writer.force();
                }
                Files.move(partial, target, StandardCopyOption.REPLACE_EXISTING, StandardCopyOption.ATOMIC_MOVE);
            } finally {
                Files.deleteIfExists(partial);
            }
        } catch (IOException e) {
            throw OutputException.of(
                    out.toString(), "cannot be written: " + e.getMessage(), "check space and permissions", e);
        }
    }

    /**
     * Checks the name of a file to be written, before the work for it is done.
     *
     * @throws UsageException if it is no kind of file that {@link #write} knows
     */
    public static void requireKind(Path out) {
        String name = String.valueOf(out.getFileName()).toLowerCase(Locale.ROOT);
        if (!name.endsWith(".safetensors") && !name.endsWith(".arrow")) {
            throw new UsageException(
                    "tensors are not written to '" + out + "'", "name a .safetensors or an .arrow file");
        }
    }

    private static FileLayout layout(Path out, List<TensorInfo> infos, Map<String, String> metadata) {
        requireKind(out);
        return String.valueOf(out.getFileName()).toLowerCase(Locale.ROOT).endsWith(".arrow")
                ? ArrowLayout.of(infos, metadata)
                : SafetensorsLayout.of(infos, metadata);
    }
}
