package dev.gust.formats.onnx;

import dev.gust.formats.InputException;
import dev.gust.formats.onnx.WireReader.Span;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;

/**
 * A tensor as an ONNX file describes it: what it says about itself, and where its data is said to be. Nothing here has
 * been held against the data yet.
 *
 * @param name its name; may be empty
 * @param dims its dimensions, as stored
 * @param typeCode its element type, as stored
 * @param message the whole message, in which typed elements are found when they are needed
 * @param raw the raw elements, if it has any
 * @param external where another file holds the elements, if one does
 */
@SuppressWarnings("ArrayRecordComponent") // told apart by identity only
record TensorProto(
        String name,
        long[] dims,
        int typeCode,
        Span message,
        Optional<Span> raw,
        Optional<Map<String, String>> external) {
    /** More dimensions than any operator takes. */
    private static final int MAX_RANK = 64;

    private static final int EXTERNAL = 1;
    private static final int MAX_EXTERNAL_KEYS = 64;

    static TensorProto parse(MemorySegment data, String location, Span message) {
        String name = "";
        long[] dims = {};
        long typeCode = 0;
        long place = 0;
        Optional<Span> raw = Optional.empty();
        Map<String, String> external = new LinkedHashMap<>();
        var reader = new WireReader(data, location, message);
        while (reader.next()) {
            switch (reader.field()) {
                case 1 -> dims = appended(dims, reader, location);
                case 2 -> typeCode = reader.varint();
                case 8 -> name = reader.text();
                case 9 -> raw = Optional.of(reader.bytes());
                case 13 -> {
                    Map.Entry<String, String> entry = OnnxModel.keyAndValue(reader.message());
                    external.put(entry.getKey(), entry.getValue());
                    if (external.size() > MAX_EXTERNAL_KEYS) {
                        throw InputException.ofTensor(
                                location, name, "names its external data in too many ways", "export it again");
                    }
                }
                case 14 -> place = reader.varint();
                default -> reader.skip();
            }
        }
        int code = typeCode == (int) typeCode ? (int) typeCode : -1;
        return new TensorProto(
                name, dims, code, message, raw, place == EXTERNAL ? Optional.of(external) : Optional.empty());
    }

    private static long[] appended(long[] dims, WireReader reader, String location) {
        if (!reader.isBytes()) {
            return appended(dims, reader.varint(), location);
        }
        long[] all = dims;
        for (WireReader packed = reader.message(); packed.hasMore(); ) {
            all = appended(all, packed.rawVarint(), location);
        }
        return all;
    }

    private static long[] appended(long[] dims, long dim, String location) {
        if (dims.length == MAX_RANK) {
            throw InputException.of(
                    location, "a tensor has more than " + MAX_RANK + " dimensions", "the file is damaged");
        }
        long[] longer = Arrays.copyOf(dims, dims.length + 1);
        longer[dims.length] = dim;
        return longer;
    }
}
