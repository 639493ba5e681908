package dev.gust.runtime.hybrid;

/**
 * A tensor that a rule takes.
 *
 * @param name its name
 * @param shape in letters, for the catalog
 * @param optional whether it may be left out
 * @param weight whether it belongs to the model: it is given once, with {@link HybridAttention#prepare}
 */
record HybridTensor(String name, String shape, boolean optional, boolean weight) {
    static HybridTensor of(String name, String shape) {
        return new HybridTensor(name, shape, false, false);
    }

    static HybridTensor optional(String name, String shape) {
        return new HybridTensor(name, shape, true, false);
    }

    static HybridTensor weight(String name, String shape) {
        return new HybridTensor(name, shape, false, true);
    }

    static HybridTensor optionalWeight(String name, String shape) {
        return new HybridTensor(name, shape, true, true);
    }
}
