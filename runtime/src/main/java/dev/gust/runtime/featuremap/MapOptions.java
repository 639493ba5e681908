package dev.gust.runtime.featuremap;

import dev.gust.formats.UsageException;

/**
 * What can be chosen within a map.
 *
 * @param nu DPFP's number of rolls, 1 to 64
 * @param negated whether DPFP's second half is −relu(−x)
 * @param layerNorm whether ReBased normalises first
 */
public record MapOptions(int nu, boolean negated, boolean layerNorm) {
    private static final int MOST_ROLLS = 64;

    /** Four rolls, the paper's sign, with the norm. */
    public static final MapOptions DEFAULT = new MapOptions(4, false, true);

    /**
     * @throws UsageException if nu is out of its range
     */
    public MapOptions {
        if (nu < 1 || nu > MOST_ROLLS) {
            throw new UsageException("dpfp with nu = " + nu, "set nu to 1 … " + MOST_ROLLS);
        }
    }
}
