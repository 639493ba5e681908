package dev.gust.formats.arrow;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import java.util.Arrays;
import java.util.regex.Pattern;
import java.util.stream.Collectors;

/** Shapes as they stand in Arrow's metadata: JSON arrays of integers. */
final class ShapeJson {
    /** As we write it. A file has thousands of these, and each costs a JSON parser more than the tensor's mapping. */
    private static final Pattern PLAIN = Pattern.compile("\\[(?:\\d{1,18}(?:,\\d{1,18})*)?]");

    /** Regular expressions recurse over repetitions: what comes from outside must be short. */
    private static final int PLAIN_LENGTH = 200;

    private ShapeJson() {}

    /** Loaded when metadata of other writers is met. */
    private static final class Parser {
        static final JsonMapper JSON = JsonMapper.builder()
                .enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS)
                .build();
    }

    static String write(long[] dims) {
        return Arrays.stream(dims).mapToObj(Long::toString).collect(Collectors.joining(",", "[", "]"));
    }

    /**
     * The dimensions that an array lists.
     *
     * @throws IllegalArgumentException if the text is not an array of integers from 0
     */
    static long[] read(String json) {
        if (json.length() > PLAIN_LENGTH || !PLAIN.matcher(json).matches()) {
            return dims(parse(json), json);
        }
        String dims = json.substring(1, json.length() - 1);
        return dims.isEmpty()
                ? new long[0]
                : Arrays.stream(dims.split(",", -1)).mapToLong(Long::parseLong).toArray();
    }

    /**
     * The shape in the metadata of {@code arrow.fixed_shape_tensor}.
     *
     * @throws IllegalArgumentException if there is none, or if the dimensions are permuted
     */
    static long[] readExtension(String json) {
        JsonNode root = parse(json);
        long[] dims = dims(root.path("shape"), json);
        JsonNode permutation = root.path("permutation");
        if (!permutation.isMissingNode() && !permutation.isNull()) {
            long[] order = dims(permutation, json);
            for (int i = 0; i < order.length; i++) {
                if (order[i] != i) {
                    throw new IllegalArgumentException("permuted dimensions: " + json);
                }
            }
        }
        return dims;
    }

    private static JsonNode parse(String json) {
        try {
            return Parser.JSON.readTree(json);
        } catch (JsonProcessingException e) {
            throw new IllegalArgumentException("not JSON: " + e.getOriginalMessage(), e);
        }
    }

    private static long[] dims(JsonNode array, String json) {
        if (!array.isArray()) {
            throw new IllegalArgumentException("no shape in " + json);
        }
        long[] dims = new long[array.size()];
        for (int i = 0; i < dims.length; i++) {
            JsonNode dim = array.get(i);
            if (!dim.isIntegralNumber() || !dim.canConvertToLong() || dim.longValue() < 0) {
                throw new IllegalArgumentException("a dimension that is no size in " + json);
            }
            dims[i] = dim.longValue();
        }
        return dims;
    }
}
