package dev.gust.formats.safetensors;

import dev.gust.formats.UsageException;
import dev.gust.formats.file.FileLayout;
import dev.gust.formats.file.FileLayout.Placement;
import dev.gust.formats.tensor.TensorInfo;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;

/**
 * Lays out a safetensors file byte for byte as the reference writer does: metadata first, tensors by type (widest
 * alignment first) and then name, compact JSON padded with spaces to a multiple of 8. Where the reference's order is
 * accidental (metadata is a hash map there) keys are sorted, so that equal input always gives equal bytes.
 */
public final class SafetensorsLayout {
    private SafetensorsLayout() {}

    /**
     * Lays out a file.
     *
     * @param tensors what the file will hold, in any order
     * @param metadata texts for {@code __metadata__}, which is left out if there are none
     * @throws UsageException if a type or name cannot be stored in safetensors
     */
    public static FileLayout of(List<TensorInfo> tensors, Map<String, String> metadata) {
        List<Named> order = new ArrayList<>(tensors.size());
        Set<String> names = new HashSet<>();
        for (TensorInfo tensor : tensors) {
            requireStorable(tensor);
            if (!names.add(tensor.name())) {
                throw new UsageException(
                        "two tensors would be called '" + tensor.name() + "'", "rename or leave out one of them");
            }
            order.add(new Named(tensor, tensor.name().getBytes(StandardCharsets.UTF_8)));
        }
        order.sort(null);

        var json = new StringBuilder("{");
        if (!metadata.isEmpty()) {
            quote(json, SafetensorsHeader.METADATA).append(":{");
            new TreeMap<>(metadata).forEach((key, value) -> {
                separate(json);
                quote(json, key).append(':');
                quote(json, value);
            });
            json.append('}');
        }
        long[] begins = new long[order.size()];
        long at = 0;
        for (int i = 0; i < begins.length; i++) {
            TensorInfo tensor = order.get(i).tensor();
            begins[i] = at;
            at = Math.addExact(at, tensor.byteSize());
            separate(json);
            quote(json, tensor.name())
                    .append(":{\"dtype\":\"")
                    .append(tensor.dtype())
                    .append("\",\"shape\":[");
            for (int d = 0; d < tensor.shape().rank(); d++) {
                json.append(d == 0 ? "" : ",").append(tensor.shape().dim(d));
            }
            json.append("],\"data_offsets\":[")
                    .append(begins[i])
                    .append(',')
                    .append(at)
                    .append("]}");
        }
        byte[] head = head(json.append('}'));

        List<Placement> placements = new ArrayList<>(begins.length);
        for (int i = 0; i < begins.length; i++) {
            placements.add(new Placement(order.get(i).tensor(), head.length + begins[i]));
        }
        return new FileLayout(head, placements, new byte[0], Math.addExact(at, head.length));
    }

    /** A tensor in the writer's order; names compare as UTF-8, which is not Java's order beyond the basic plane. */
    @SuppressWarnings("ArrayRecordComponent") // never compared, and a copy per tensor would be waste
    private record Named(TensorInfo tensor, byte[] utf8) implements Comparable<Named> {
        @Override
        public int compareTo(Named other) {
            int byType =
                    Integer.compare(SafetensorsTypes.rank(other.tensor.dtype()), SafetensorsTypes.rank(tensor.dtype()));
            return byType != 0 ? byType : Arrays.compareUnsigned(utf8, other.utf8);
        }
    }

    private static void requireStorable(TensorInfo tensor) {
        if (SafetensorsTypes.rank(tensor.dtype()) < 0) {
            throw new UsageException(
                    "tensor '" + tensor.name() + "': safetensors has no type " + tensor.dtype(),
                    "dequantize it first, or write another container");
        }
        if (tensor.name().equals(SafetensorsHeader.METADATA)) {
            throw new UsageException("a tensor cannot be called " + tensor.name() + " in safetensors", "rename it");
        }
    }

    private static byte[] head(StringBuilder json) {
        if (!SafetensorsHeader.isUnicode(json.toString())) {
            throw new UsageException("a name or metadata text is not valid Unicode", "rename it");
        }
        byte[] utf8 = json.toString().getBytes(StandardCharsets.UTF_8);
        int padded = Math.ceilDiv(utf8.length, 8) * 8;
        if (padded > SafetensorsFile.MAX_HEADER_BYTES) {
            throw new UsageException(
                    "the header would take " + padded + " bytes, safetensors allows "
                            + SafetensorsFile.MAX_HEADER_BYTES,
                    "write several shards");
        }
        byte[] head = new byte[Long.BYTES + padded];
        Arrays.fill(head, Long.BYTES + utf8.length, head.length, (byte) ' ');
        ByteBuffer.wrap(head).order(ByteOrder.LITTLE_ENDIAN).putLong(padded).put(utf8);
        return head;
    }

    private static void separate(StringBuilder json) {
        if (json.charAt(json.length() - 1) != '{') {
            json.append(',');
        }
    }

    /** A JSON string with the reference writer's escapes: the short ones, and lower-case hexadecimal. */
    private static StringBuilder quote(StringBuilder json, String text) {
        json.append('"');
        for (int i = 0; i < text.length(); i++) {
            char c = text.charAt(i);
            switch (c) {
                case '"' -> json.append("\\\"");
                case '\\' -> json.append("\\\\");
                case '\b' -> json.append("\\b");
                case '\f' -> json.append("\\f");
                case '\n' -> json.append("\\n");
                case '\r' -> json.append("\\r");
                case '\t' -> json.append("\\t");
                default -> {
                    if (c < ' ') {
                        json.append("\\u").append(HexFormat.of().toHexDigits(c));
                    } else {
                        json.append(c);
                    }
                }
            }
        }
        return json.append('"');
    }
}
