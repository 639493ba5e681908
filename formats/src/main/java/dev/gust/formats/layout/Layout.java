package dev.gust.formats.layout;

import dev.gust.formats.scheme.GlobalScale;
import dev.gust.formats.scheme.Part;
import dev.gust.formats.scheme.Scheme;
import dev.gust.formats.tensor.DType;
import dev.gust.formats.tensor.Shape;
import dev.gust.formats.tensor.TensorInfo;
import java.util.Arrays;
import java.util.EnumSet;
import java.util.Optional;
import java.util.Set;

/**
 * How an ecosystem names and shapes the parts of a quantized weight. The parts themselves (codes and scales, in the
 * terms of compressed-tensors) are the same everywhere but for NVFP4's global scale, which ModelOpt stores as a factor.
 */
public enum Layout {
    /** vLLM's and llm-compressor's own: {@code weight_packed}, {@code weight_scale}, {@code weight_global_scale}. */
    COMPRESSED_TENSORS("compressed-tensors", EnumSet.allOf(Scheme.class)),
    /** NVIDIA Model Optimizer: {@code weight}, {@code weight_scale}, {@code weight_scale_2}. */
    MODELOPT("modelopt", EnumSet.of(Scheme.FP8, Scheme.FP8_TENSOR, Scheme.MXFP8, Scheme.NVFP4)),
    /** gpt-oss: {@code NAME_blocks} [..., K/32, 16] and {@code NAME_scales} [..., K/32]. */
    GPT_OSS("gpt-oss", EnumSet.of(Scheme.MXFP4)),
    /** DeepSeek's FP8 checkpoints: {@code weight} and {@code weight_scale_inv}, which multiplies. Read only. */
    DEEPSEEK("deepseek", EnumSet.of(Scheme.FP8_BLOCK));

    private final String label;

    @SuppressWarnings("ImmutableEnumChecker") // a copy that nothing can change
    private final Set<Scheme> schemes;

    Layout(String label, Set<Scheme> schemes) {
        this.label = label;
        this.schemes = Set.copyOf(schemes);
    }

    /** The name on the command line. */
    public String label() {
        return label;
    }

    /** Whether weights of that scheme can be stored in this layout. */
    public boolean stores(Scheme scheme) {
        return schemes.contains(scheme);
    }

    public static Optional<Layout> byLabel(String label) {
        return Arrays.stream(values()).filter(l -> l.label.equals(label)).findFirst();
    }

    /**
     * The stored tensor for one part.
     *
     * @param weight name of the weight in the model, mostly {@code LAYER.weight}
     * @param part the part
     */
    public TensorInfo stored(String weight, Part part) {
        String kind = part.suffix().substring("weight".length());
        return switch (this) {
            case COMPRESSED_TENSORS -> new TensorInfo(weight + kind, part.dtype(), part.shape());
            case MODELOPT ->
                switch (kind) {
                    case "_packed" -> new TensorInfo(weight, part.dtype(), part.shape());
                    case "_global_scale" -> new TensorInfo(weight + "_scale_2", part.dtype(), Shape.of());
                    case "_scale" -> new TensorInfo(weight + kind, part.dtype(), modelOptScale(part));
                    default -> new TensorInfo(weight + kind, part.dtype(), part.shape());
                };
            case GPT_OSS ->
                kind.equals("_packed")
                        ? new TensorInfo(weight + "_blocks", part.dtype(), blocksOf16(part.shape()))
                        : new TensorInfo(weight + "_scales", part.dtype(), part.shape());
            case DEEPSEEK ->
                new TensorInfo(weight + (kind.equals("_scale") ? "_scale_inv" : kind), part.dtype(), part.shape());
        };
    }

    /** What readers of this layout do with NVFP4's global scale. */
    public GlobalScale.Use globalScale() {
        return this == MODELOPT ? GlobalScale.Use.MULTIPLIES : GlobalScale.Use.DIVIDES;
    }

    /** Plain numbers lose their dimension of size 1, as ModelOpt squeezes them: [1] is a scalar there, [M, 1] is [M]. */
    private static Shape modelOptScale(Part part) {
        boolean isPlain = part.dtype() == DType.F32 || part.dtype() == DType.F16 || part.dtype() == DType.BF16;
        long[] dims = part.shape().dims();
        return isPlain && part.shape().columns() == 1 ? Shape.of(Arrays.copyOf(dims, dims.length - 1)) : part.shape();
    }

    private static Shape blocksOf16(Shape packed) {
        long[] dims = Arrays.copyOf(packed.dims(), packed.rank() + 1);
        dims[dims.length - 2] = packed.columns() / 16;
        dims[dims.length - 1] = 16;
        return Shape.of(dims);
    }
}
