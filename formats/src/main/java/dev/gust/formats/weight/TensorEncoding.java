package dev.gust.formats.weight;

import dev.gust.formats.layout.Layout;
import dev.gust.formats.scheme.GlobalScale;
import dev.gust.formats.scheme.Part;
import dev.gust.formats.scheme.Scheme;
import dev.gust.formats.scheme.WeightQuantizer;
import dev.gust.formats.tensor.DType;
import java.util.List;

/** How a model's tensor is stored. */
public sealed interface TensorEncoding {
    /** A short name for tables: a dtype or a scheme. */
    String label();

    /**
     * One stored tensor of the same shape; GGUF's block types are of this kind.
     *
     * @param dtype its type
     */
    record Plain(DType dtype) implements TensorEncoding {
        @Override
        public String label() {
            return dtype.name();
        }
    }

    /**
     * One stored tensor and a factor for all of its values in another, as llama.cpp keeps NVFP4's tensor scale.
     *
     * @param dtype its type
     * @param scale the factor; where the tensor that holds it has it rounded, as a divisor that is exact
     */
    record Scaled(DType dtype, GlobalScale scale) implements TensorEncoding {
        @Override
        public String label() {
            return dtype.name();
        }
    }

    /**
     * Codes and scales in stored tensors of their own.
     *
     * @param scheme the scheme
     * @param layout the layout that names them
     * @param quantizer restores values
     * @param parts the parts, in the order of the logical tensor's stored ones
     */
    record Quantized(Scheme scheme, Layout layout, WeightQuantizer quantizer, List<Part> parts)
            implements TensorEncoding {
        @Override
        public String label() {
            return scheme.label();
        }
    }

    /**
     * The product of two factors, with or without a residual added to it.
     *
     * @param weight the factors
     */
    record LowRank(LowRankWeight weight) implements TensorEncoding {
        /** As {@code lowrank/F32}, {@code lowrank/int8}, or {@code lowrank/F16+mxfp4} with a residual. */
        @Override
        public String label() {
            return "lowrank/" + weight.a().encoding().label()
                    + weight.residual().map(r -> "+" + r.encoding().label()).orElse("");
        }
    }
}
