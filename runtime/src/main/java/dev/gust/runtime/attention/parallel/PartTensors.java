package dev.gust.runtime.attention.parallel;

import dev.gust.runtime.attention.AttentionSizes;
import dev.gust.runtime.attention.LinearAttention;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * Cuts a rule's tensors.
 *
 * @param sizes of the tensors' heads
 */
record PartTensors(LinearAttention attention, AttentionSizes sizes) {
    /**
     * Those of tokens {@code from} to {@code end} − 1 of {@code tokens}, not copied; tensors that are for all tokens as they are.
     */
    Map<String, MemorySegment> of(Map<String, MemorySegment> tensors, int tokens, int from, int end) {
        Map<String, MemorySegment> part = new HashMap<>();
        tensors.forEach((name, tensor) -> {
            boolean forAll = elements(name, sizes, 2) == elements(name, sizes, 1);
            long perToken = forAll || tokens == 0 ? 0 : tensor.byteSize() / tokens;
            part.put(name, forAll ? tensor : tensor.asSlice(from * perToken, (end - from) * perToken));
        });
        return part;
    }

    /** The same with {@code more} columns of zeros behind those of v, and of all that has as many as v. */
    Map<String, MemorySegment> widened(Map<String, MemorySegment> tensors, int more, Arena arena) {
        if (more == 0) {
            return tensors;
        }
        AttentionSizes wider = wider(sizes, more);
        Map<String, MemorySegment> wide = new HashMap<>();
        tensors.forEach((name, tensor) -> {
            boolean grows = elements(name, wider, 1) != elements(name, sizes, 1);
            wide.put(name, grows ? widened(tensor, more, arena) : tensor);
        });
        return wide;
    }

    private MemorySegment widened(MemorySegment tensor, int more, Arena arena) {
        long row = (long) sizes.valueDim() * Float.BYTES;
        long wideRow = row + (long) more * Float.BYTES;
        long rows = tensor.byteSize() / row;
        MemorySegment wide = arena.allocate(rows * wideRow, 64);
        for (long r = 0; r < rows; r++) {
            MemorySegment.copy(tensor, r * row, wide, r * wideRow, row);
        }
        return wide;
    }

    static AttentionSizes wider(AttentionSizes s, int more) {
        return new AttentionSizes(
                s.tokens(), s.sequences(), s.heads(), s.valueHeads(), s.keyDim(), s.valueDim() + more);
    }

    private long elements(String name, AttentionSizes of, long tokens) {
        List<Long> shape = attention.shapes(name, of, 1, tokens).getFirst();
        return shape.stream().reduce(1L, (a, b) -> a * b);
    }
}
