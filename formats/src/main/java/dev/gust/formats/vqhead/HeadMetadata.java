package dev.gust.formats.vqhead;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.gust.formats.InputException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Collectors;

/**
 * What the metadata of a head file says, as JSON under {@link #KEY}: {@code {"method": "pq", "version": 1, "rerank": 32}}.
 * Keys that are not known here are left alone.
 *
 * @param method what the file holds
 * @param rerank rows that are multiplied exactly after a screen; 0 if the file says nothing
 * @param probes clusters that are searched; 0 if the file says nothing
 * @param always rows that every search with a screen multiplies exactly, because the screen is far off there; for the reader to
 *     hold against V
 */
public record HeadMetadata(HeadMethod method, int rerank, int probes, List<Integer> always) {
    /** The key in the file's metadata. */
    public static final String KEY = "gust.vqhead";

    /** The only version there is. */
    public static final int VERSION = 1;

    public HeadMetadata {
        if (rerank < 0 || probes < 0) {
            throw new IllegalArgumentException("rerank " + rerank + ", probes " + probes);
        }
        always = List.copyOf(always);
    }

    /** With no rows that are always multiplied. */
    public HeadMetadata(HeadMethod method, int rerank, int probes) {
        this(method, rerank, probes, List.of());
    }

    /** A method without settings. */
    public static HeadMetadata of(HeadMethod method) {
        return new HeadMetadata(method, 0, 0);
    }

    /**
     * Reads it.
     *
     * @param where the file, for errors
     * @param json the metadata's value
     * @throws InputException if it is no such JSON, or of a version or method that is not known
     */
    public static HeadMetadata parse(String where, String json) {
        JsonNode node;
        try {
            node = new JsonMapper().readTree(json);
        } catch (JsonProcessingException e) {
            throw InputException.of(where, "metadata " + KEY + " is bad JSON: " + e.getOriginalMessage(), REMEDY, e);
        }
        if (!(node instanceof ObjectNode object)) {
            throw InputException.of(where, "metadata " + KEY + " is no JSON object", REMEDY);
        }
        int version = number(where, object, "version", VERSION);
        if (version != VERSION) {
            throw InputException.of(
                    where, "is a head of version " + version, "this Gust reads version " + VERSION + "; " + REMEDY);
        }
        String label = object.path("method").asText("");
        HeadMethod method = HeadMethod.find(label)
                .orElseThrow(() -> InputException.of(
                        where,
                        "metadata " + KEY + " names the method '" + label + "'",
                        "methods are "
                                + Arrays.stream(HeadMethod.values())
                                        .map(HeadMethod::label)
                                        .collect(Collectors.joining(", "))));
        return new HeadMetadata(
                method, number(where, object, "rerank", 0), number(where, object, "probes", 0), always(where, object));
    }

    private static final String REMEDY = "write the head again with gust vqhead";

    private static List<Integer> always(String where, ObjectNode object) {
        var ids = new ArrayList<Integer>();
        JsonNode list = object.path("always");
        if (!list.isMissingNode() && !list.isArray()) {
            throw InputException.of(where, "metadata " + KEY + " has 'always' that is no list", REMEDY);
        }
        for (JsonNode id : list) {
            if (!id.isInt() || id.intValue() < 0) {
                throw InputException.of(where, "metadata " + KEY + " has row " + id + " in 'always'", REMEDY);
            }
            ids.add(id.intValue());
        }
        return ids;
    }

    private static int number(String where, ObjectNode object, String key, int otherwise) {
        JsonNode value = object.path(key);
        if (value.isMissingNode()) {
            return otherwise;
        }
        if (!value.isInt() || value.intValue() < 0) {
            throw InputException.of(where, "metadata " + KEY + " has '" + key + "' " + value, REMEDY);
        }
        return value.intValue();
    }

    /** As JSON; more keys may be put beside. */
    public ObjectNode json() {
        ObjectNode object = JsonNodeFactory.instance.objectNode();
        object.put("method", method.label());
        object.put("version", VERSION);
        if (rerank > 0) {
            object.put("rerank", rerank);
        }
        if (probes > 0) {
            object.put("probes", probes);
        }
        if (!always.isEmpty()) {
            ArrayNode list = object.putArray("always");
            always.forEach(list::add);
        }
        return object;
    }
}
