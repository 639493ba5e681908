package dev.gust.formats.huggingface;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.StreamReadFeature;
import com.fasterxml.jackson.core.json.JsonReadFeature;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.gust.formats.InputException;
import java.io.IOException;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;

/** Reads the small JSON files of a model folder. */
final class JsonDocument {
    /** Ten times the largest index known; a tree takes several times its text. */
    private static final long MAX_BYTES = 64L << 20;

    /** Python's json writes NaN and Infinity bare, and some configs have them. */
    private static final JsonMapper MAPPER = JsonMapper.builder()
            .enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION)
            .disable(StreamReadFeature.INCLUDE_SOURCE_IN_LOCATION)
            .enable(JsonReadFeature.ALLOW_NON_NUMERIC_NUMBERS)
            .enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS)
            .build();

    private JsonDocument() {}

    /**
     * The JSON object that a file holds.
     *
     * @throws InputException if it cannot be read, is not one JSON object in UTF-8, or names a key twice
     */
    static ObjectNode readObject(Path path) {
        String location = path.toString();
        if (!Files.isRegularFile(path)) {
            throw InputException.of(location, "is not a regular file", "put the JSON file itself there");
        }
        // Strict about UTF-8, where Jackson on bytes would guess encodings.
        try (var reader = Files.newBufferedReader(path, StandardCharsets.UTF_8)) {
            if (Files.size(path) > MAX_BYTES) {
                throw InputException.of(location, "has more than " + MAX_BYTES + " bytes", "check what it is");
            }
            JsonNode node = MAPPER.readTree(reader);
            if (!(node instanceof ObjectNode object)) {
                throw InputException.of(location, "is not a JSON object", "restore it from the model's source");
            }
            return object;
        } catch (JsonProcessingException e) {
            throw InputException.of(
                    location, "bad JSON: " + e.getOriginalMessage(), "restore it from the model's source", e);
        } catch (CharacterCodingException e) {
            throw InputException.of(location, "is not UTF-8", "restore it from the model's source", e);
        } catch (IOException e) {
            throw InputException.of(location, "cannot be read: " + e.getMessage(), "check its permissions", e);
        }
    }
}
