package dev.gust.runtime.attention;

import java.util.ArrayList;
import java.util.List;

/** The shapes that flash-linear-attention and ggml test, and those that bugs hid in (specification, 4.2 and 4.4). */
public final class GridShapes {
    /** The chunk length that "a whole number of chunks" is about. */
    static final int CHUNK = 64;

    /** Bounds of sequences in one row: empty ones first and last, of one token, shorter and longer than a chunk. */
    public static final List<List<Integer>> CU_SEQLENS = List.of(
            List.of(0, 15),
            List.of(0, 0, 16),
            List.of(0, 256, 500, 1000),
            List.of(0, 15, 100, 300, 1200, 2000),
            List.of(0, 1, 100, 300, 1200, 2048),
            List.of(0, 31, 96, 160),
            List.of(0, 100, 256, 512, 1500, 1500),
            List.of(0, 8192));

    /** B, T, H, D of linear attention. */
    static final List<CaseShape> LINEAR = List.of(
            CaseShape.of(1, 63, 1, 64),
            CaseShape.of(2, 500, 3, 60),
            CaseShape.of(2, 1000, 3, 128),
            CaseShape.of(3, 1000, 4, 64),
            CaseShape.of(2, 2048, 4, 256));

    /** Retention's values are twice as wide as its keys. */
    static final List<CaseShape> RETENTION = List.of(
            CaseShape.of(1, 63, 1, 64).withKeyAndValue(64, 128),
            CaseShape.of(2, 500, 4, 100).withKeyAndValue(100, 200),
            CaseShape.of(2, 1000, 3, 128).withKeyAndValue(128, 256),
            CaseShape.of(2, 1024, 2, 256).withKeyAndValue(256, 512));

    static final List<CaseShape> GLA = List.of(
            CaseShape.of(1, 63, 1, 64),
            CaseShape.of(2, 1024, 4, 60),
            CaseShape.of(2, 1024, 8, 128),
            CaseShape.of(4, 2048, 8, 64),
            CaseShape.of(1, 128, 4, 256),
            CaseShape.of(1, 64, 2, 320),
            CaseShape.of(1, 128, 4, 512));

    static final List<CaseShape> DELTA = List.of(
            CaseShape.of(1, 63, 1, 64),
            CaseShape.of(2, 100, 4, 60),
            CaseShape.of(2, 1000, 3, 128),
            CaseShape.of(3, 2000, 4, 128),
            CaseShape.of(4, 2048, 8, 64));

    static final List<CaseShape> GATED_DELTA = List.of(
            CaseShape.of(4, 1024, 4, 128),
            CaseShape.of(2, 75, 4, 64),
            CaseShape.of(2, 500, 3, 60),
            CaseShape.of(2, 1000, 3, 64),
            CaseShape.of(3, 1024, 4, 100),
            CaseShape.of(2, 1500, 4, 128),
            CaseShape.of(4, 2048, 8, 64),
            CaseShape.grouped(2, 256, 2, 4, 64),
            CaseShape.grouped(2, 512, 2, 8, 64),
            CaseShape.grouped(2, 1024, 4, 8, 128));

    static final List<CaseShape> GATED_DELTA_2 = List.of(
            CaseShape.of(1, 64, 2, 32),
            CaseShape.of(2, 256, 2, 64),
            CaseShape.of(2, 100, 3, 64),
            CaseShape.of(1, 128, 2, 64),
            CaseShape.of(1, 130, 2, 64).withKeyAndValue(64, 128),
            CaseShape.of(1, 130, 2, 64).withKeyAndValue(128, 64));

    /** What kda is tested with beside gated-delta's shapes. */
    static final List<CaseShape> KDA = List.of(CaseShape.of(1, 500, 2, 256));

    /** Triangular inverses: B, T, H and the block length for D. */
    public static final List<CaseShape> TRIANGULAR = List.of(
            CaseShape.of(1, 63, 1, 16),
            CaseShape.of(2, 500, 4, 32),
            CaseShape.of(2, 1000, 5, 64),
            CaseShape.of(3, 1024, 6, 64),
            CaseShape.of(4, 2048, 8, 64));

    /** One token for many sequences. */
    public static final List<CaseShape> DECODE =
            List.of(CaseShape.of(16, 1, 16, 128), CaseShape.of(32, 1, 8, 64), CaseShape.of(7, 1, 32, 128));

    /** Too large for a test: what benchmarks run, and what their oracle would take minutes for. */
    public static final List<CaseShape> BENCHMARK = List.of(
            CaseShape.of(1, 8192, 96, 128),
            CaseShape.of(2, 16384, 16, 128),
            CaseShape.of(4, 2048, 16, 128),
            CaseShape.of(4, 4096, 64, 128),
            CaseShape.of(8, 2048, 32, 256),
            CaseShape.of(8, 1024, 8, 64),
            CaseShape.of(1, 8192, 32, 128));

    /** Where errors hide: few tokens, remainders of a chunk, odd and small and unequal sizes, wide values. */
    static final List<CaseShape> EDGES = edges();

    /** Token counts of ggml's own test, two sequences with two value heads for each head. */
    static final List<CaseShape> GGML = List.of(1, 2, 4, 33, 64, 65, 100, 127, 200, 256).stream()
            .map(t -> CaseShape.grouped(t % 2 == 0 ? 2 : 1, t, 4, 8, t < 64 ? 16 : 64))
            .toList();

    private GridShapes() {}

    private static List<CaseShape> edges() {
        List<CaseShape> shapes = new ArrayList<>();
        for (int t : new int[] {1, 2, 3, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK - 1, 2 * CHUNK, 2 * CHUNK + 1}) {
            shapes.add(CaseShape.of(2, t, 2, 16));
        }
        for (int k : new int[] {8, 12, 60, 100}) {
            shapes.add(CaseShape.of(1, 70, 2, k));
            shapes.add(CaseShape.of(1, 70, 1, k).withKeyAndValue(k, k / 2 + 1));
        }
        for (int v : new int[] {256, 512}) {
            shapes.add(CaseShape.of(1, 66, 1, 32).withKeyAndValue(32, v));
        }
        shapes.add(CaseShape.grouped(2, 37, 2, 6, 20).withKeyAndValue(20, 12));
        shapes.add(CaseShape.of(5, 17, 7, 1));
        return List.copyOf(shapes);
    }
}
