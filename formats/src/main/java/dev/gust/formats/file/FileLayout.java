package dev.gust.formats.file;

import dev.gust.formats.tensor.TensorInfo;
import java.util.List;

/**
 * Where everything goes in a container file that is about to be written. All our containers (safetensors, GGUF, Arrow
 * IPC) have the same anatomy: a head and a tail that follow from the list of tensors alone, and the tensors' bytes at
 * known offsets between them. So a file can be written in any order, by many threads, and resumed.
 *
 * @param head bytes at offset 0
 * @param placements the tensors, by ascending offset
 * @param tail bytes after the last tensor's padding, ending at {@code size}; may be empty
 * @param size length of the file; gaps between tensors are zeros
 */
// Layouts are written, never compared: copying megabytes of header to guard them would be waste.
@SuppressWarnings("ArrayRecordComponent")
public record FileLayout(byte[] head, List<Placement> placements, byte[] tail, long size) {
    /**
     * One tensor and the file offset where its data begins.
     *
     * @param tensor what is stored
     * @param offset bytes from the start of the file
     */
    public record Placement(TensorInfo tensor, long offset) {}

    public FileLayout {
        placements = List.copyOf(placements);
    }
}
