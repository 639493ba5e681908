package dev.gust.formats.safetensors;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.JsonToken;
import com.fasterxml.jackson.core.StreamReadConstraints;
import com.fasterxml.jackson.core.StreamReadFeature;
import dev.gust.formats.InputException;
import dev.gust.formats.tensor.DType;
import dev.gust.formats.tensor.Shape;
import dev.gust.formats.tensor.TensorInfo;
import java.io.IOException;
import java.io.InputStreamReader;
import java.lang.foreign.MemorySegment;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * What the JSON header of a safetensors file says, in the order it says it. Each entry is consistent in itself (known
 * type, size that fits the shape); whether entries fit each other and the file is {@link SafetensorsFile}'s business.
 *
 * @param metadata the text entries of {@code __metadata__}
 * @param entries the tensors
 */
record SafetensorsHeader(Map<String, String> metadata, List<Entry> entries) {
    static final String METADATA = "__metadata__";

    /** More dimensions than any framework can load; keeps a header of commas from becoming an array of longs. */
    private static final int MAX_RANK = 64;

    private static final String REMEDY = "the file is damaged, or not safetensors";

    /**
     * Header values are short, but for the texts of the metadata. Names are neither interned nor hashed into a shared
     * table: a header of a million made-up names must leave nothing behind.
     */
    private static final JsonFactory JSON = JsonFactory.builder()
            .enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION)
            .disable(StreamReadFeature.INCLUDE_SOURCE_IN_LOCATION)
            .disable(JsonFactory.Feature.CANONICALIZE_FIELD_NAMES)
            .disable(JsonFactory.Feature.INTERN_FIELD_NAMES)
            .streamReadConstraints(StreamReadConstraints.builder()
                    .maxNestingDepth(16)
                    .maxNumberLength(32)
                    .maxNameLength(1 << 16)
                    .build())
            .build();

    /**
     * One tensor of the header.
     *
     * @param info name, type and shape
     * @param begin first byte, from the end of the header
     * @param end byte after the last
     */
    record Entry(TensorInfo info, long begin, long end) {}

    /**
     * Parses the header.
     *
     * @param json the header's bytes, without the length in front
     * @param location how errors call the file
     * @throws InputException if it breaks a rule of the format
     */
    static SafetensorsHeader parse(MemorySegment json, String location) {
        // A strict decoder: the format is UTF-8, and Jackson on bytes would also guess UTF-16 and pass bad sequences.
        var reader = new InputStreamReader(new SegmentInputStream(json), StandardCharsets.UTF_8.newDecoder());
        try (JsonParser parser = JSON.createParser(reader)) {
            return new Parse(parser, location).header();
        } catch (JsonProcessingException e) {
            throw InputException.of(location, "bad JSON in the header: " + e.getOriginalMessage(), REMEDY, e);
        } catch (CharacterCodingException e) {
            throw InputException.of(location, "the header is not UTF-8", REMEDY, e);
        } catch (IOException e) {
            throw InputException.of(location, "the header cannot be read: " + e, REMEDY, e);
        }
    }

    /** One pass over the tokens. */
    private static final class Parse {
        private final JsonParser parser;
        private final String location;

        Parse(JsonParser parser, String location) {
            this.parser = parser;
            this.location = location;
        }

        SafetensorsHeader header() throws IOException {
            Map<String, String> metadata = Map.of();
            List<Entry> entries = new ArrayList<>();
            require(parser.nextToken() == JsonToken.START_OBJECT, "the header is not a JSON object");
            while (parser.nextToken() == JsonToken.FIELD_NAME) {
                String name = parser.currentName();
                if (name.equals(METADATA)) {
                    metadata = metadata();
                } else {
                    entries.add(entry(name));
                }
            }
            require(parser.nextToken() == null, "something follows the header's JSON object");
            return new SafetensorsHeader(metadata, entries);
        }

        private Map<String, String> metadata() throws IOException {
            require(parser.nextToken() == JsonToken.START_OBJECT, METADATA + " is not an object");
            Map<String, String> metadata = new LinkedHashMap<>();
            while (parser.nextToken() == JsonToken.FIELD_NAME) {
                String key = parser.currentName();
                require(parser.nextToken() == JsonToken.VALUE_STRING, METADATA + " '" + key + "' is not a text");
                // Jackson refuses half characters in names, not in texts.
                require(isUnicode(parser.getText()), METADATA + " '" + key + "' is not valid Unicode");
                metadata.put(key, parser.getText());
            }
            return metadata;
        }

        private Entry entry(String name) throws IOException {
            require(name, parser.nextToken() == JsonToken.START_OBJECT, "its header entry is not an object");
            String type = "";
            long[] dims = {};
            long[] offsets = {};
            boolean typed = false;
            boolean shaped = false;
            boolean placed = false;
            while (parser.nextToken() == JsonToken.FIELD_NAME) {
                switch (parser.currentName()) {
                    case "dtype" -> {
                        require(name, parser.nextToken() == JsonToken.VALUE_STRING, "its dtype is not a text");
                        type = parser.getText();
                        typed = true;
                    }
                    case "shape" -> {
                        dims = numbers(name, "shape", MAX_RANK);
                        shaped = true;
                    }
                    case "data_offsets" -> {
                        offsets = numbers(name, "data_offsets", 2);
                        placed = true;
                    }
                    default -> {
                        parser.nextToken();
                        parser.skipChildren();
                    }
                }
            }
            require(name, typed && shaped && placed, "dtype, shape or data_offsets is missing in the header");
            require(name, offsets.length == 2, "data_offsets holds " + offsets.length + " numbers, not 2");
            return new Entry(sized(name, type, dims, offsets[1] - offsets[0]), offsets[0], offsets[1]);
        }

        private TensorInfo sized(String name, String type, long[] dims, long bytes) {
            DType dtype = SafetensorsTypes.byName(type)
                    .orElseThrow(() -> InputException.ofTensor(
                            location, name, "unknown dtype '" + type + "'", "convert it to a type of the format"));
            require(name, bytes >= 0, "data_offsets end before they begin");
            try {
                var info = new TensorInfo(name, dtype, Shape.of(dims));
                require(
                        name,
                        info.byteSize() == bytes,
                        "data_offsets span " + bytes + " bytes, but " + dtype + " " + info.shape() + " takes "
                                + info.byteSize());
                return info;
            } catch (ArithmeticException e) {
                throw bad(name, "the size of shape " + Arrays.toString(dims) + " overflows");
            } catch (IllegalArgumentException e) {
                throw bad(name, e.getMessage() + ", so its end is not at a whole byte");
            }
        }

        /** An array of integers from 0 to the largest long; a larger one cannot be in any file. */
        private long[] numbers(String name, String key, int max) throws IOException {
            require(name, parser.nextToken() == JsonToken.START_ARRAY, key + " is not an array");
            long[] numbers = new long[max];
            int count = 0;
            while (parser.nextToken() != JsonToken.END_ARRAY) {
                require(name, count < max, key + " holds more than " + max + " numbers");
                boolean natural = parser.currentToken() == JsonToken.VALUE_NUMBER_INT
                        && parser.getNumberType() != JsonParser.NumberType.BIG_INTEGER
                        && !parser.getText().startsWith("-");
                require(name, natural, key + " holds something else than whole numbers from 0 to 2^63-1");
                numbers[count++] = parser.getLongValue();
            }
            return Arrays.copyOf(numbers, count);
        }

        private void require(boolean holds, String otherwise) {
            if (!holds) {
                throw InputException.of(location, otherwise, REMEDY);
            }
        }

        private void require(String tensor, boolean holds, String otherwise) {
            if (!holds) {
                throw bad(tensor, otherwise);
            }
        }

        private InputException bad(String tensor, String reason) {
            return InputException.ofTensor(location, tensor, reason, REMEDY);
        }
    }

    /** JSON escapes can spell half a character, which no other file could hold. */
    static boolean isUnicode(String text) {
        return StandardCharsets.UTF_8.newEncoder().canEncode(text);
    }
}
