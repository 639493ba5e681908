package dev.gust.formats.model;

import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.gust.formats.file.TensorSource;
import java.nio.file.Path;
import java.util.Map;
import java.util.Optional;

/**
 * An open model with what surrounds its tensors.
 *
 * @param source the tensors
 * @param config the model's config.json, or what could be derived of one
 * @param shards for each stored tensor of a sharded folder, the name of its file; empty for everything else
 * @param carried files to take along to a folder made from this model (tokenizer, generation settings), by name there
 * @param identity changes when the input does: names, sizes and times of its files
 * @param release runs on close, after the source was closed: removes temporary files
 */
public record ModelInput(
        TensorSource source,
        Optional<ObjectNode> config,
        Map<String, String> shards,
        Map<String, Path> carried,
        String identity,
        Runnable release)
        implements AutoCloseable {
    public ModelInput {
        shards = Map.copyOf(shards);
        carried = Map.copyOf(carried);
    }

    @Override
    public void close() {
        try {
            source.close();
        } finally {
            release.run();
        }
    }
}
