package dev.gust.quantization.pipeline;

import dev.gust.formats.InputException;
import dev.gust.formats.layout.Layout;
import dev.gust.formats.scheme.GlobalScale;
import dev.gust.formats.tensor.DType;
import dev.gust.formats.tensor.Tensor;
import dev.gust.formats.weight.LogicalModel;
import dev.gust.formats.weight.LogicalTensor;
import dev.gust.formats.weight.TensorEncoding;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.Optional;

/** The scales of whole NVFP4 weights on their way between containers: which form holds them, and which are none. */
final class Nvfp4Scales {
    private static final ValueLayout.OfFloat F32 = ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

    private static final String OTHER_WAY = "run gust dequantize, then gust quantize";

    private Nvfp4Scales() {}

    /** The scale of a weight in GGUF's blocks; empty if it is stored otherwise. Without a scale beside it that is 1. */
    static Optional<GlobalScale> ofBlocks(LogicalTensor weight) {
        return switch (weight.encoding()) {
            case TensorEncoding.Plain(var dtype)
            when dtype == DType.NVFP4 -> Optional.of(new GlobalScale(GlobalScale.Use.MULTIPLIES, 1));
            case TensorEncoding.Scaled(var dtype, var scale) when dtype == DType.NVFP4 -> Optional.of(scale);
            default -> Optional.empty();
        };
    }

    /**
     * The scale in a tensor of its own, for a weight that goes to GGUF.
     *
     * @throws InputException if it is no scale, or no float32 is near its reciprocal
     */
    static GlobalScale forBlocks(LogicalModel model, String tensor, GlobalScale.Use use) {
        GlobalScale scale;
        try (Tensor stored = model.source().open(tensor)) {
            scale = new GlobalScale(use, stored.data().get(F32, 0));
        }
        requireUsable(model, tensor, scale);
        if (!scale.nearest(GlobalScale.Use.MULTIPLIES).isUsable()) {
            throw InputException.ofTensor(
                    model.source().location(),
                    tensor,
                    "the reciprocal of " + scale.value() + " is too large for GGUF's tensor scale",
                    OTHER_WAY);
        }
        return scale;
    }

    /**
     * The layout for all weights that come from blocks, as an engine expects one only.
     *
     * @throws InputException if a scale is none, or no layout holds all of them exactly
     */
    static Layout layoutFor(LogicalModel model) {
        Optional<LogicalTensor> onlyDivides = Optional.empty();
        Optional<LogicalTensor> onlyMultiplies = Optional.empty();
        for (LogicalTensor weight : model.tensors()) {
            Optional<GlobalScale> scale = ofBlocks(weight);
            if (scale.isEmpty()) {
                continue;
            }
            requireUsable(model, weight.stored().getLast().name(), scale.get());
            if (scale.get().exactly(GlobalScale.Use.MULTIPLIES).isEmpty()) {
                onlyDivides = Optional.of(weight);
            }
            if (scale.get().exactly(GlobalScale.Use.DIVIDES).isEmpty()) {
                onlyMultiplies = Optional.of(weight);
            }
        }
        if (onlyDivides.isPresent() && onlyMultiplies.isPresent()) {
            throw InputException.ofTensor(
                    model.source().location(),
                    onlyMultiplies.get().name(),
                    "its tensor scale has no exact reciprocal and that of '"
                            + onlyDivides.get().name() + "' is one, so no layout keeps the values of both",
                    OTHER_WAY);
        }
        return onlyMultiplies.isPresent() ? Layout.MODELOPT : Layout.COMPRESSED_TENSORS;
    }

    private static void requireUsable(LogicalModel model, String tensor, GlobalScale scale) {
        if (!scale.isUsable()) {
            throw InputException.ofTensor(
                    model.source().location(),
                    tensor,
                    "the scale of the whole weight is " + scale.value() + ", not a positive number",
                    "run gust verify on the model");
        }
    }
}
