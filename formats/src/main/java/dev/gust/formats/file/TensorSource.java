package dev.gust.formats.file;

import dev.gust.formats.tensor.Tensor;
import dev.gust.formats.tensor.TensorInfo;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * An open model file or folder: named tensors as they are stored. Headers are checked in full before this exists: every
 * tensor it lists lies inside its file.
 *
 * <p>Safe to use from many threads, but for {@link #close()}.
 */
public interface TensorSource extends AutoCloseable {
    /** The file or folder, as the user named it: errors begin with it. */
    String location();

    /** The container: {@code safetensors}, {@code gguf}, {@code onnx}, {@code arrow} or {@code huggingface}. */
    String format();

    /** Metadata of the container as text, in file order. */
    Map<String, String> metadata();

    /** The tensors, in file order. Names are unique. */
    List<TensorInfo> tensors();

    /** The tensor of that name, if there is one. */
    default Optional<TensorInfo> find(String name) {
        return tensors().stream().filter(t -> t.name().equals(name)).findFirst();
    }

    /**
     * The data of one tensor, read-only; mapped from the file wherever the file holds it in row-major order. The caller
     * closes it, before this source.
     *
     * @throws java.util.NoSuchElementException if there is no tensor of that name
     * @throws dev.gust.formats.InputException if its data cannot be read
     */
    Tensor open(String name);

    /** Releases the mapping; tensors that are views of it become unusable. */
    @Override
    void close();
}
