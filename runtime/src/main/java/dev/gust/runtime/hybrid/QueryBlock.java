package dev.gust.runtime.hybrid;

import dev.gust.kernels.hybrid.WeightKind;
import dev.gust.runtime.vision.VisionLoops;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;

/** A block of queries of one head, which goes through its keys tile by tile. For one thread. */
final class QueryBlock {
    /** Queries to a block. */
    static final int QUERIES = 32;

    /** Keys to a tile: whole vectors. */
    static final int KEYS = 64;

    private static final ValueLayout.OfFloat FLOAT = ValueLayout.JAVA_FLOAT_UNALIGNED;

    private final Attend attend;
    private final AttendCall call;
    private final int width;
    private final int values;

    /** Values of a row of v and o, in whole vectors. */
    private final int pitch;

    private final float[] queries;
    private final float[] keyRow;

    /** [D, KEYS], so that scores of neighbouring keys are neighbours. */
    private final float[] keys;

    private final float[] valueRows;
    private final float[] scores = new float[QUERIES * KEYS];
    private final float[] sums;
    private final float[] max = new float[QUERIES];
    private final float[] weights = new float[QUERIES];
    private final float[] squares = new float[QUERIES];

    QueryBlock(Attend attend, AttendCall call) {
        this.attend = attend;
        this.call = call;
        this.width = attend.sizes().width();
        this.values = attend.sizes().values();
        this.pitch = Math.ceilDiv(values, VisionLoops.LANES) * VisionLoops.LANES;
        this.queries = new float[QUERIES * width];
        this.keyRow = new float[width];
        this.keys = new float[width * KEYS];
        this.valueRows = new float[KEYS * pitch];
        this.sums = new float[QUERIES * pitch];
    }

    /** Attends for queries {@code from} and on. */
    void attend(int from, int head) {
        KeyRanges ranges = call.ranges();
        int count = Math.min(QUERIES, ranges.queries() - from);
        int heads = attend.sizes().heads();
        int first = Integer.MAX_VALUE;
        int end = 0;
        for (int i = 0; i < count; i++) {
            fetch(call.q(), ((long) (from + i) * heads + head) * width, queries, i * width, width);
            first = Math.min(first, ranges.first(from + i));
            end = Math.max(end, ranges.end(from + i));
        }
        Arrays.fill(queries, count * width, queries.length, 0);
        Arrays.fill(sums, 0);
        Arrays.fill(max, SoftmaxLoops.UNSEEN);
        Arrays.fill(weights, 0);
        Arrays.fill(squares, 0);
        int rows = Math.ceilDiv(count, VisionLoops.ROWS) * VisionLoops.ROWS;
        for (int key = first; key < end; key += KEYS) {
            tile(from, count, rows, key, Math.min(KEYS, end - key), attend.keyHead(head));
        }
        for (int i = 0; i < count; i++) {
            store(i, (long) (from + i) * heads + head);
        }
    }

    private void tile(int from, int count, int rows, int firstKey, int keyCount, int keyHead) {
        fetchTile(firstKey, keyCount, keyHead);
        Arrays.fill(scores, 0);
        VisionLoops.multiply(queries, width, 1, rows, width, keys, KEYS, scores);
        boolean relu = attend.kind() == WeightKind.RELU;
        for (int i = 0; i < count; i++) {
            int row = i * KEYS;
            SoftmaxLoops.scale(scores, row, KEYS, attend.scale());
            hide(from + i, row, firstKey, keyHead);
            if (relu) {
                SoftmaxLoops.relu(scores, row, KEYS);
                squares[i] += SoftmaxLoops.squares(scores, row, KEYS);
            } else {
                float greatest = Math.max(max[i], SoftmaxLoops.max(scores, row, KEYS));
                float carry = (float) Math.exp(max[i] - greatest);
                SoftmaxLoops.exponentiate(scores, row, KEYS, greatest);
                if (carry != 1) {
                    SoftmaxLoops.scale(sums, i * pitch, pitch, carry);
                    weights[i] *= carry;
                }
                max[i] = greatest;
            }
            weights[i] += SoftmaxLoops.sum(scores, row, KEYS);
        }
        VisionLoops.multiply(scores, KEYS, 1, rows, KEYS, valueRows, pitch, sums);
    }

    private void fetchTile(int firstKey, int keyCount, int keyHead) {
        int keyHeads = attend.sizes().keyHeads();
        for (int t = 0; t < keyCount; t++) {
            long row = (long) (firstKey + t) * keyHeads + keyHead;
            fetch(call.k(), row * width, keyRow, 0, width);
            for (int d = 0; d < width; d++) {
                keys[d * KEYS + t] = keyRow[d];
            }
            fetch(call.v(), row * values, valueRows, t * pitch, values);
        }
        // Left over from the tile before; their weights are 0, but 0 times them is so only if they are finite.
        Arrays.fill(valueRows, keyCount * pitch, valueRows.length, 0);
    }

    /** Takes keys out that a query does not see. */
    private void hide(int query, int row, int firstKey, int keyHead) {
        KeyRanges ranges = call.ranges();
        if (ranges.chosen().length == 0) {
            int seen = Math.clamp(ranges.first(query) - firstKey, 0, KEYS);
            int unseen = Math.clamp(ranges.end(query) - firstKey, seen, KEYS);
            Arrays.fill(scores, row, row + seen, SoftmaxLoops.UNSEEN);
            Arrays.fill(scores, row + unseen, row + KEYS, SoftmaxLoops.UNSEEN);
            return;
        }
        for (int t = 0; t < KEYS; t++) {
            if (!ranges.isSeen(query, firstKey + t, keyHead, attend.sizes().keyHeads())) {
                scores[row + t] = SoftmaxLoops.UNSEEN;
            }
        }
    }

    private void store(int i, long row) {
        SoftmaxLoops.scale(sums, i * pitch, pitch, weights[i] > 0 ? 1 / weights[i] : 0);
        MemorySegment.copy(sums, i * pitch, call.o(), FLOAT, row * values * Float.BYTES, values);
        call.statistics().ifPresent(s -> {
            s.set(FLOAT, 2 * row * Float.BYTES, attend.kind() == WeightKind.RELU ? squares[i] : max[i]);
            s.set(FLOAT, (2 * row + 1) * Float.BYTES, weights[i]);
        });
    }

    private static void fetch(MemorySegment from, long first, float[] to, int at, int count) {
        MemorySegment.copy(from, FLOAT, first * Float.BYTES, to, at, count);
    }
}
