package dev.gust.quantization.pipeline;

import dev.gust.formats.file.FileLayout;
import dev.gust.formats.tensor.TensorInfo;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;

/**
 * Everything a run will write, known before it writes anything.
 *
 * @param target the file or folder that is to come into being
 * @param isFolder whether it is a folder
 * @param files the files with tensors in them
 * @param tasks the work, in the order of the model's tensors
 * @param texts small files of a folder, by name: configuration and index
 * @param carried files copied into a folder as they are, by name
 * @param fingerprint of the input and of every option that shapes the output; a run resumes only its equal
 */
public record OutputPlan(
        Path target,
        boolean isFolder,
        List<OutputFile> files,
        List<TensorTask> tasks,
        Map<String, byte[]> texts,
        Map<String, Path> carried,
        String fingerprint) {
    /**
     * A file with tensors.
     *
     * @param name its name in the folder, or the target's own
     * @param layout where everything goes in it
     */
    public record OutputFile(String name, FileLayout layout) {
        public List<TensorInfo> tensors() {
            return layout.placements().stream()
                    .map(FileLayout.Placement::tensor)
                    .toList();
        }
    }

    public OutputPlan {
        files = List.copyOf(files);
        tasks = List.copyOf(tasks);
        texts = Map.copyOf(texts);
        carried = Map.copyOf(carried);
    }

    /** Bytes of all stored tensors before. */
    public long bytesBefore() {
        return tasks.stream().mapToLong(t -> t.source().byteSize()).sum();
    }

    /** Bytes of all stored tensors after. */
    public long bytesAfter() {
        return tasks.stream()
                .flatMap(t -> t.outputs().stream())
                .mapToLong(TensorInfo::byteSize)
                .sum();
    }
}
