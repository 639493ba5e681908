package dev.gust.formats.huggingface;

import dev.gust.formats.tensor.TensorInfo;
import java.util.List;

/**
 * One safetensors file of a model folder.
 *
 * @param file its name in the folder
 * @param tensors what it holds, in file order
 */
public record Shard(String file, List<TensorInfo> tensors) {
    /** The name of a model's only file. */
    public static final String SINGLE = "model.safetensors";

    public Shard {
        tensors = List.copyOf(tensors);
    }

    /**
     * The name that shards carry by convention, as {@code model-00002-of-00007.safetensors}.
     *
     * @param number the shard, counted from 1
     * @param count how many there are
     */
    public static String fileName(int number, int count) {
        return "model-%05d-of-%05d.safetensors".formatted(number, count);
    }
}
