package dev.gust.runtime;

import dev.gust.formats.UsageException;
import dev.gust.runtime.attention.DiagonalRnn;
import dev.gust.runtime.attention.LinearAttention;
import dev.gust.runtime.cast.Cast;
import dev.gust.runtime.catalog.OperatorEntry;
import dev.gust.runtime.catalog.SingularValues;
import dev.gust.runtime.codebook.CodebookAttention;
import dev.gust.runtime.codebook.KmeansAssign;
import dev.gust.runtime.codebook.MemoryLayer;
import dev.gust.runtime.featuremap.FeatureMap;
import dev.gust.runtime.hybrid.HybridAttention;
import dev.gust.runtime.hybrid.SoftmaxAttention;
import dev.gust.runtime.layer.Activation;
import dev.gust.runtime.layer.CausalConv;
import dev.gust.runtime.layer.Embedding;
import dev.gust.runtime.layer.Gate;
import dev.gust.runtime.layer.GatedDeltaLayer;
import dev.gust.runtime.layer.Norm;
import dev.gust.runtime.layer.Pooling;
import dev.gust.runtime.logits.VqLogits;
import dev.gust.runtime.lowrank.LoraBatch;
import dev.gust.runtime.lowrank.LowRankMatmul;
import dev.gust.runtime.lowrank.MonarchMatmul;
import dev.gust.runtime.lowrank.SparseMatmul;
import dev.gust.runtime.matmul.QuantizedMatmul;
import dev.gust.runtime.vision.VisionAttention;
import java.util.List;
import java.util.stream.Collectors;

/**
 * Every operator there is. Tests, {@code gust op --list} and the README's table are made from it, so that a combination
 * which is missing somewhere shows.
 */
public final class Catalog {
    private static final List<OperatorEntry> OPERATORS = List.of(
            QuantizedMatmul.entry(),
            LowRankMatmul.entry(),
            SparseMatmul.entry(),
            LoraBatch.entry(),
            MonarchMatmul.entry(),
            Cast.entry(),
            LinearAttention.entry(),
            DiagonalRnn.entry(),
            CausalConv.entry(),
            Norm.entry(),
            Embedding.entry(),
            Activation.entry(),
            Pooling.entry(),
            Gate.entry(),
            GatedDeltaLayer.entry(),
            FeatureMap.entry(),
            VisionAttention.entry(),
            SoftmaxAttention.entry(),
            HybridAttention.entry(),
            SingularValues.entry(),
            VqLogits.entry(),
            KmeansAssign.entry(),
            CodebookAttention.entry(),
            MemoryLayer.entry());

    private Catalog() {}

    public static List<OperatorEntry> operators() {
        return OPERATORS;
    }

    /**
     * The operator of that name.
     *
     * @throws UsageException if there is none
     */
    public static OperatorEntry find(String name) {
        return OPERATORS.stream()
                .filter(o -> o.name().equals(name))
                .findFirst()
                .orElseThrow(() -> new UsageException(
                        "there is no operator '" + name + "'",
                        "name " + OPERATORS.stream().map(OperatorEntry::name).collect(Collectors.joining(" or "))
                                + " (gust op --list)"));
    }
}
