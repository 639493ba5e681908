package dev.gust.runtime.hybrid;

/**
 * The keys that each query sees: a stretch, of which the first part may be thinned out.
 *
 * @param bounds [queries, 3] the first key, the first that is seen in any case, the end
 * @param chosen [keys, KEY_HEADS] 1 for keys of the first part that are seen; empty if all are
 */
record KeyRanges(int[] bounds, int[] chosen) {
    /** Integers to a query. */
    static final int LENGTH = 3;

    static void set(int[] bounds, int query, int first, int near, int end) {
        bounds[LENGTH * query] = first;
        bounds[LENGTH * query + 1] = near;
        bounds[LENGTH * query + 2] = end;
    }

    int queries() {
        return bounds.length / LENGTH;
    }

    int first(int query) {
        return bounds[LENGTH * query];
    }

    int end(int query) {
        return bounds[LENGTH * query + 2];
    }

    boolean isSeen(int query, int key, int keyHead, int keyHeads) {
        return key >= first(query)
                && key < end(query)
                && (chosen.length == 0 || key >= bounds[LENGTH * query + 1] || chosen[key * keyHeads + keyHead] == 1);
    }
}
