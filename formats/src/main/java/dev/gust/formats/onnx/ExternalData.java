package dev.gust.formats.onnx;

import dev.gust.formats.InputException;
import dev.gust.formats.file.MappedFile;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.Map;
import java.util.Objects;

/**
 * Files beside a model that hold its larger tensors. The model names them, so the names are not trusted: a file must be
 * in the model's folder or below, links followed.
 */
final class ExternalData implements AutoCloseable {
    private final Path model;
    private final String location;
    private final Map<Path, MappedFile> files = new HashMap<>();

    /**
     * @param model the model's file
     * @param location how errors call it
     */
    ExternalData(Path model, String location) {
        this.model = model.toAbsolutePath().normalize();
        this.location = location;
    }

    /**
     * The bytes of one tensor, mapped.
     *
     * @param tensor its name, for errors
     * @param place ONNX's entries {@code location}, {@code offset} and {@code length}
     * @param bytes how many it takes
     */
    MemorySegment data(String tensor, Map<String, String> place, long bytes) {
        String name = place.getOrDefault("location", "");
        long offset = number(tensor, place, "offset", 0);
        long length = number(tensor, place, "length", bytes);
        if (length != bytes) {
            throw InputException.ofTensor(
                    location,
                    tensor,
                    "its external data has " + length + " bytes, its shape takes " + bytes,
                    "export the model again");
        }
        MemorySegment file = file(tensor, name);
        if (offset > file.byteSize() || bytes > file.byteSize() - offset) {
            throw InputException.ofTensor(
                    location,
                    tensor,
                    "its " + bytes + " bytes at " + offset + " reach past the end of '" + name + "'",
                    "copy or download that file again");
        }
        return file.asSlice(offset, bytes);
    }

    private long number(String tensor, Map<String, String> place, String key, long otherwise) {
        String text = place.getOrDefault(key, Long.toString(otherwise));
        // 18 digits: always a long, never a sign.
        if (!text.matches("[0-9]{1,18}")) {
            throw InputException.ofTensor(
                    location,
                    tensor,
                    "external data " + key + " '" + text + "' is no number",
                    "export the model again");
        }
        return Long.parseLong(text);
    }

    private MemorySegment file(String tensor, String name) {
        Path path = resolve(tensor, name);
        MappedFile file = files.get(path);
        if (file == null) {
            file = MappedFile.open(path, path.toString());
            files.put(path, file);
        }
        return file.data();
    }

    private Path resolve(String tensor, String name) {
        Path folder = Objects.requireNonNull(model.getParent());
        try {
            Path relative = Path.of(name);
            Path path = folder.resolve(relative).normalize();
            if (name.isEmpty() || name.indexOf('\\') >= 0 || relative.isAbsolute() || !path.startsWith(folder)) {
                throw outside(tensor, name);
            }
            if (!Files.exists(path)) {
                throw InputException.ofTensor(
                        location,
                        tensor,
                        "its external data file '" + name + "' is missing",
                        "put it beside the model");
            }
            // The hub's cache links the model and its data into one store: the store's folder is as good as the
            // model's.
            Path real = path.toRealPath();
            Path store = Objects.requireNonNull(model.toRealPath().getParent());
            if (!real.startsWith(folder.toRealPath()) && !store.equals(real.getParent())) {
                throw outside(tensor, name);
            }
            return path;
        } catch (InvalidPathException e) {
            throw outside(tensor, name);
        } catch (IOException e) {
            throw InputException.of(
                    location, "external data file '" + name + "' cannot be found: " + e, "put it beside the model", e);
        }
    }

    private InputException outside(String tensor, String name) {
        return InputException.ofTensor(
                location,
                tensor,
                "its external data '" + name + "' is not a file in the model's folder",
                "keep external data beside the model");
    }

    @Override
    public void close() {
        files.values().forEach(MappedFile::close);
    }
}
