package dev.gust.runtime.lowrank;

import dev.gust.formats.InputException;
import dev.gust.formats.tensor.Tensor;
import dev.gust.runtime.weight.LinearWeight;

/**
 * Monarch's two block-diagonal factors. R's k blocks [q, p] lie one below the other, as do L's l blocks [s, r]; k q = l r.
 *
 * @param l L's blocks, [l s, r] of F32, F16 or BF16
 * @param lBlocks l
 * @param r R's blocks, [k q, p] of F32, F16 or BF16
 * @param rBlocks k
 */
public record MonarchWeight(LinearWeight l, int lBlocks, LinearWeight r, int rBlocks) {
    /**
     * @throws InputException if shapes do not go together
     */
    public MonarchWeight {
        requireBlocks("l", l, lBlocks);
        requireBlocks("r", r, rBlocks);
        if (r.n() != l.k() * lBlocks) {
            throw InputException.ofTensor(
                    MonarchMatmul.NAME,
                    "l",
                    "takes " + lBlocks + " x " + l.k() + " numbers and r gives " + rBlocks + " x " + r.n() / rBlocks,
                    "make l [l, s, r] and r [k, q, p] with l r = k q");
        }
    }

    /**
     * Of tensors as Monarch's layers have them.
     *
     * @param l L, [l, s, r]
     * @param r R, [k, q, p]
     * @throws InputException if they are no such tensors
     */
    public static MonarchWeight of(Tensor l, Tensor r) {
        return new MonarchWeight(
                Factors.stacked(MonarchMatmul.NAME, l), blocks(l), Factors.stacked(MonarchMatmul.NAME, r), blocks(r));
    }

    private static int blocks(Tensor factor) {
        return Math.toIntExact(factor.shape().dim(0));
    }

    private static void requireBlocks(String tensor, LinearWeight factor, int blocks) {
        Factors.requirePlain(MonarchMatmul.NAME, tensor, factor);
        if (blocks < 1 || factor.n() < 1 || factor.k() < 1 || factor.n() % blocks != 0) {
            throw InputException.ofTensor(
                    MonarchMatmul.NAME,
                    tensor,
                    "is " + blocks + " blocks in [" + factor.n() + ", " + factor.k() + "]",
                    "give blocks that have elements, of one size");
        }
    }

    /** M = l s: output features. */
    public long outFeatures() {
        return l.n();
    }

    /** N = k p: input features. */
    public long inFeatures() {
        return r.k() * rBlocks;
    }

    /** k q = l r: numbers between the factors. */
    long middle() {
        return r.n();
    }
}
