package dev.gust.runtime.lowrank;

import dev.gust.formats.InputException;
import dev.gust.formats.UsageException;
import dev.gust.formats.tensor.DType;
import dev.gust.runtime.featuremap.FiniteValues;
import dev.gust.runtime.weight.LinearWeight;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Optional;

/**
 * The weight of a linear layer whose input is made sparse, as R-Sparse (arXiv 2504.19449) has it. Everything lies input
 * channel by input channel, so that what belongs to a channel which is left out is never read.
 *
 * @param columns W's columns, one behind the other: Wᵀ [N, M] of F32, F16 or BF16
 * @param lowRank what stands in for the columns that are left out; nothing for zero
 * @param scale [N] float32, how much a channel weighs: R-Sparse's norm of row j of V · diag(S)
 * @param threshold a channel is active where |x_j · scale_j| exceeds it, as float32; a tie is not active. Infinity leaves all
 *     columns out, a negative number none
 */
public record SparseWeight(LinearWeight columns, Optional<LowRank> lowRank, MemorySegment scale, float threshold) {
    /**
     * U · Vᵀ ≈ W, of the same type as W. U holds the singular values.
     *
     * @param u Uᵀ [r, M]
     * @param v V [N, r]
     */
    public record LowRank(LinearWeight u, LinearWeight v) {}

    /**
     * @throws InputException if shapes do not go together, types differ, or the scale is not finite
     * @throws UsageException if the threshold is NaN
     */
    public SparseWeight {
        String name = SparseMatmul.NAME;
        Factors.requireShape(name, "weight", columns, columns.n(), columns.k(), "[N, M]");
        DType dtype = Factors.requirePlain(name, "weight", columns);
        lowRank.ifPresent(f -> {
            if (f.u().n() != f.v().k()) {
                throw InputException.ofTensor(
                        name,
                        "v",
                        "is [" + f.v().n() + ", " + f.v().k() + "] and u is [" + f.u().k() + ", " + f.u().n()
                                + "]: their ranks differ",
                        "make u [M, r] and v [N, r]");
            }
            requireType(name, "u", f.u(), dtype);
            requireType(name, "v", f.v(), dtype);
            if (f.u().k() != columns.k()) {
                throw InputException.ofTensor(
                        name,
                        "u",
                        "is [" + f.u().k() + ", " + f.u().n() + "]",
                        "make it [M, r] = [" + columns.k() + ", " + f.u().n() + "], as the weight is");
            }
            Factors.requireShape(name, "v", f.v(), columns.n(), f.u().n(), "[N, r]");
        });
        if (scale.byteSize() != columns.n() * Float.BYTES) {
            throw InputException.ofTensor(
                    name,
                    "scale",
                    "has " + scale.byteSize() / Float.BYTES + " numbers",
                    "give one to each of the " + columns.n() + " input channels");
        }
        FiniteValues.require(name, "scale", scale);
        if (Float.isNaN(threshold)) {
            throw new UsageException("the threshold of " + name + " is NaN", "set a number; infinity leaves all out");
        }
    }

    private static void requireType(String name, String tensor, LinearWeight factor, DType dtype) {
        DType own = Factors.requirePlain(name, tensor, factor);
        if (own != dtype) {
            throw InputException.ofTensor(
                    name, tensor, "is " + own + " and the weight is " + dtype, "store both alike");
        }
    }

    /**
     * Of matrices as they usually lie, which are copied.
     *
     * @param weight W [M, N]
     * @param u [M, r]
     * @param v [N, r]
     * @param memory where the copies go
     * @throws InputException as the constructor
     */
    public static SparseWeight of(
            LinearWeight weight,
            Optional<LinearWeight> u,
            Optional<LinearWeight> v,
            MemorySegment scale,
            float threshold,
            Arena memory) {
        if (u.isPresent() != v.isPresent()) {
            throw InputException.ofTensor(
                    SparseMatmul.NAME, u.isPresent() ? "v" : "u", "is missing", "give both factors, or neither");
        }
        return new SparseWeight(
                transposed("weight", weight, memory),
                u.map(factor -> new LowRank(transposed("u", factor, memory), v.orElseThrow())),
                scale,
                threshold);
    }

    /**
     * Of a weight and low-rank factors of it as they are on disk, which are copied: A · B stands in for columns that are left
     * out.
     *
     * @param weight W [M, N]
     * @param a A [M, r]
     * @param b B [r, N]
     * @param memory where the copies go
     * @throws InputException as the constructor
     */
    public static SparseWeight ofFactors(
            LinearWeight weight, LinearWeight a, LinearWeight b, MemorySegment scale, float threshold, Arena memory) {
        return new SparseWeight(
                transposed("weight", weight, memory),
                Optional.of(new LowRank(transposed("a", a, memory), transposed("b", b, memory))),
                scale,
                threshold);
    }

    private static LinearWeight transposed(String tensor, LinearWeight weight, Arena memory) {
        DType dtype = Factors.requirePlain(SparseMatmul.NAME, tensor, weight);
        long bytes = weight.codes().byteSize();
        MemorySegment copy = memory.allocate(Math.max(1, bytes), 64).asSlice(0, bytes);
        Factors.transpose(weight, copy);
        return Factors.plain(weight.name(), dtype, weight.k(), weight.n(), copy);
    }

    /** M: output features. */
    public long outFeatures() {
        return columns.k();
    }

    /** N: input features. */
    public long inFeatures() {
        return columns.n();
    }

    /** r; 0 if nothing stands in for what is left out. */
    public long rank() {
        return lowRank.map(f -> f.u().n()).orElse(0L);
    }
}
