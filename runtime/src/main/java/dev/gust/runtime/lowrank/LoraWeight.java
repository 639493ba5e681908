package dev.gust.runtime.lowrank;

import dev.gust.formats.InputException;
import dev.gust.formats.tensor.DType;
import dev.gust.formats.tensor.Tensor;
import dev.gust.runtime.weight.LinearWeight;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * Many adapters of one linear layer, with or without the layer's own weight.
 *
 * @param adapters at least one, all [M, N] with ranks of their own, all of the same plain type
 * @param base W [M, N], stored in any form
 */
public record LoraWeight(List<LoraAdapter> adapters, Optional<LinearWeight> base) {
    /**
     * @throws InputException if there is no adapter, shapes do not go together, types differ, or a scale is not finite
     */
    public LoraWeight {
        adapters = List.copyOf(adapters);
        String name = LoraBatch.NAME;
        if (adapters.isEmpty()) {
            throw InputException.ofTensor(name, "a", "holds no adapter", "give one at least");
        }
        LoraAdapter first = adapters.getFirst();
        long m = first.a().n();
        long n = first.b().k();
        DType dtype = Factors.requirePlain(name, "a", first.a());
        for (int i = 0; i < adapters.size(); i++) {
            LoraAdapter adapter = adapters.get(i);
            String a = "a of adapter " + i;
            String b = "b of adapter " + i;
            if (adapter.a().k() != adapter.b().n()) {
                throw InputException.ofTensor(
                        name,
                        b,
                        "is [" + adapter.b().n() + ", " + adapter.b().k() + "] and a is ["
                                + adapter.a().n() + ", " + adapter.a().k() + "]: their ranks differ",
                        "make a [M, r] and b [r, N]");
            }
            Factors.requireShape(name, a, adapter.a(), m, adapter.a().k(), "[M, r]");
            Factors.requireShape(name, b, adapter.b(), adapter.a().k(), n, "[r, N]");
            requireType(a, adapter.a(), dtype);
            requireType(b, adapter.b(), dtype);
            if (!Float.isFinite(adapter.scale())) {
                throw InputException.ofTensor(
                        name, "scale", "is " + adapter.scale() + " for adapter " + i, "give finite numbers");
            }
        }
        if (base.isPresent()) {
            Factors.requireShape(name, "weight", base.get(), m, n, "[M, N]");
        }
    }

    /**
     * Of tensors that hold all adapters, all of the same rank; pad those of lower rank with zeros.
     *
     * @param a [adapters, M, r]
     * @param b [adapters, r, N]
     * @param scales [adapters] float32; empty for 1
     * @throws InputException if they are no such tensors
     */
    public static LoraWeight of(Tensor a, Tensor b, MemorySegment scales, Optional<LinearWeight> base) {
        LinearWeight allA = Factors.stacked(LoraBatch.NAME, a);
        LinearWeight allB = Factors.stacked(LoraBatch.NAME, b);
        long count = a.shape().dim(0);
        if (b.shape().dim(0) != count) {
            throw InputException.ofTensor(
                    LoraBatch.NAME,
                    "b",
                    "holds " + b.shape().dim(0) + " adapters and a " + count,
                    "make a [adapters, M, r] and b [adapters, r, N]");
        }
        if (scales.byteSize() != 0 && scales.byteSize() != count * Float.BYTES) {
            throw InputException.ofTensor(
                    LoraBatch.NAME,
                    "scale",
                    "has " + scales.byteSize() / Float.BYTES + " numbers",
                    "give one to each of the " + count + " adapters");
        }
        var adapters = new ArrayList<LoraAdapter>();
        for (long i = 0; i < count; i++) {
            long m = a.shape().dim(1);
            long rank = b.shape().dim(1);
            float scale = scales.byteSize() == 0 ? 1 : scales.get(Layouts.FLOAT, i * Float.BYTES);
            adapters.add(new LoraAdapter(allA.rows(i * m, m), allB.rows(i * rank, rank), scale));
        }
        return new LoraWeight(adapters, base);
    }

    private static void requireType(String tensor, LinearWeight factor, DType dtype) {
        DType own = Factors.requirePlain(LoraBatch.NAME, tensor, factor);
        if (own != dtype) {
            throw InputException.ofTensor(
                    LoraBatch.NAME, tensor, "is " + own + " and others are " + dtype, "store all adapters alike");
        }
    }

    /** M: output features. */
    public long outFeatures() {
        return adapters.getFirst().a().n();
    }

    /** N: input features. */
    public long inFeatures() {
        return adapters.getFirst().b().k();
    }

    /** Largest rank of an adapter. */
    public long rank() {
        return adapters.stream().mapToLong(a -> a.a().k()).max().orElseThrow();
    }
}
