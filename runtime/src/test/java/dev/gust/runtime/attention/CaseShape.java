package dev.gust.runtime.attention;

import java.util.List;

/**
 * The sizes of a test case: q and k [b, t, h, k], v [b, t, hv, v], states [n, hv, k, v].
 *
 * @param cuSeqlens token bounds of the n sequences that share one row (then b is 1), or empty for b sequences of t
 */
public record CaseShape(int b, int t, int h, int hv, int k, int v, List<Integer> cuSeqlens) {
    public CaseShape {
        cuSeqlens = List.copyOf(cuSeqlens);
        if (hv % h != 0) {
            throw new IllegalArgumentException(hv + " value heads on " + h + " heads");
        }
        if (!cuSeqlens.isEmpty() && (b != 1 || cuSeqlens.getFirst() != 0 || cuSeqlens.getLast() != t)) {
            throw new IllegalArgumentException("cu_seqlens " + cuSeqlens + " for [" + b + ", " + t + "]");
        }
    }

    /** As many value heads as heads, square states: FLA's (B, T, H, D). */
    public static CaseShape of(int b, int t, int h, int d) {
        return new CaseShape(b, t, h, h, d, d, List.of());
    }

    /** Grouped value heads: FLA's (B, T, H, HV, D). */
    public static CaseShape grouped(int b, int t, int h, int hv, int d) {
        return new CaseShape(b, t, h, hv, d, d, List.of());
    }

    /** Sequences of various lengths in one row. */
    public static CaseShape packed(List<Integer> cuSeqlens, int h, int hv, int d) {
        return new CaseShape(1, cuSeqlens.getLast(), h, hv, d, d, cuSeqlens);
    }

    public CaseShape withKeyAndValue(int keySize, int valueSize) {
        return new CaseShape(b, t, h, hv, keySize, valueSize, cuSeqlens);
    }

    public CaseShape withTokens(int tokens) {
        return new CaseShape(b, tokens, h, hv, k, v, List.of());
    }

    /** How many sequences there are, the N of states. */
    public int sequences() {
        return cuSeqlens.isEmpty() ? b : cuSeqlens.size() - 1;
    }

    /** Bounds of the sequences over the b · t tokens, whether packed or not: n + 1 of them. */
    public int[] bounds() {
        int[] bounds = new int[sequences() + 1];
        for (int i = 0; i < bounds.length; i++) {
            bounds[i] = cuSeqlens.isEmpty() ? i * t : cuSeqlens.get(i);
        }
        return bounds;
    }

    @Override
    public String toString() {
        String heads = h == hv ? "H" + h : "H" + h + "/" + hv;
        return "B" + b + " T" + t + " " + heads + " K" + k + " V" + v + (cuSeqlens.isEmpty() ? "" : " " + cuSeqlens);
    }
}
