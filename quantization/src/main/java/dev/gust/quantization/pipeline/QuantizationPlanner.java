package dev.gust.quantization.pipeline;

import dev.gust.formats.InputException;
import dev.gust.formats.codec.Codecs;
import dev.gust.formats.codec.TensorCodec;
import dev.gust.formats.layout.Layout;
import dev.gust.formats.model.ModelInput;
import dev.gust.formats.scheme.Quantizers;
import dev.gust.formats.scheme.Scheme;
import dev.gust.formats.scheme.WeightQuantizer;
import dev.gust.formats.tensor.DType;
import dev.gust.formats.tensor.Shape;
import dev.gust.formats.tensor.TensorInfo;
import dev.gust.formats.weight.LogicalModel;
import dev.gust.formats.weight.LogicalTensor;
import dev.gust.formats.weight.TensorEncoding;
import dev.gust.quantization.pipeline.QuantizationRequest.Aim;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** Decides what becomes of each tensor of a model that is to be quantized. */
public final class QuantizationPlanner {
    private final ModelInput input;
    private final LogicalModel model;
    private final QuantizationRequest request;

    private QuantizationPlanner(ModelInput input, LogicalModel model, QuantizationRequest request) {
        this.input = input;
        this.model = model;
        this.request = request;
    }

    /**
     * Plans; reads headers only.
     *
     * @throws InputException if the model is quantized already, or holds what the output's container cannot
     */
    public static OutputPlan plan(ModelInput input, LogicalModel model, QuantizationRequest request, Path target) {
        return new QuantizationPlanner(input, model, request).plan(target);
    }

    private OutputPlan plan(Path target) {
        refuseQuantized(model);
        Map<LogicalTensor, String> exempt = new HashMap<>();
        var weights = new ArrayList<LogicalTensor>();
        for (LogicalTensor tensor : model.tensors()) {
            exemption(tensor).ifPresentOrElse(reason -> exempt.put(tensor, reason), () -> weights.add(tensor));
        }
        var fused = new FusedWeights(weights);
        var tasks = new ArrayList<TensorTask>();
        for (LogicalTensor tensor : model.tensors()) {
            String reason = exempt.get(tensor);
            tasks.add(reason != null ? new CopyTask(tensor, reason) : quantize(tensor, fused));
        }
        return new OutputAssembly(input, model, target).assembleQuantized(tasks, request);
    }

    /** Refuses a model that is stored as something else than plain numbers already. */
    static void refuseQuantized(LogicalModel model) {
        model.tensors().stream().filter(LogicalTensor::isQuantized).findFirst().ifPresent(t -> {
            throw InputException.ofTensor(
                    model.source().location(),
                    t.name(),
                    "is quantized already (" + t.encoding().label() + ")",
                    "quantize the original model, or run gust dequantize first");
        });
    }

    private Optional<String> exemption(LogicalTensor tensor) {
        return request.selection().exemption(tensor).or(() -> {
            if (tensor.shape().elements() == 0) {
                return Optional.of("no elements");
            }
            return switch (request.aim()) {
                case Aim.Parts parts -> quantizer(parts, tensor).unsupported(tensor.shape());
                case Aim.Blocks(var dtype) ->
                    blockFor(dtype, tensor.shape()).isPresent()
                            ? Optional.empty()
                            : Optional.of("K = " + tensor.shape().columns() + " is not a multiple of "
                                    + DType.Q8_0.blockElements());
            };
        });
    }

    private TensorTask quantize(LogicalTensor tensor, FusedWeights fused) {
        return switch (request.aim()) {
            case Aim.Parts parts ->
                QuantizeTask.of(
                        tensor,
                        parts.scheme(),
                        quantizer(parts, tensor),
                        parts.layout(),
                        // Engines take fused FP8 weights with a scale each; NVFP4's global scale they take only once.
                        parts.scheme() == Scheme.NVFP4 ? fused.of(tensor) : List.of(tensor));
            case Aim.Blocks(var wanted) -> {
                DType dtype = blockFor(wanted, tensor.shape()).orElseThrow();
                String reason = dtype == wanted
                        ? ""
                        : "K = " + tensor.shape().columns() + " is not a multiple of " + wanted.blockElements();
                TensorCodec codec = Codecs.of(dtype).orElseThrow();
                List<TensorInfo> scale = dtype == DType.NVFP4
                        ? List.of(new TensorInfo(LogicalModel.tensorScaleName(tensor.name()), DType.F32, Shape.of(1)))
                        : List.of();
                yield new EncodeTask(
                        tensor, codec, new TensorInfo(tensor.name(), dtype, tensor.shape()), scale, reason);
            }
        };
    }

    private static WeightQuantizer quantizer(Aim.Parts parts, LogicalTensor tensor) {
        return quantizer(parts, tensor.encoding() instanceof TensorEncoding.Plain(var dtype) ? dtype : DType.F32);
    }

    /** What quantizes weights of a model whose plain numbers are of that type. */
    static WeightQuantizer quantizer(Aim.Parts parts, DType type) {
        // Plain scales take the model's own type, as llm-compressor stores them; ModelOpt's are always F32.
        boolean isNarrow = type == DType.F16 || type == DType.BF16;
        DType scaleType = isNarrow && parts.layout() != Layout.MODELOPT ? type : DType.F32;
        return Quantizers.of(
                parts.scheme(), parts.rule(), scaleType, parts.layout().globalScale());
    }

    /**
     * The block type for rows of that length: the one wanted, or the nearest larger one with smaller blocks, which is
     * how llama.cpp falls back.
     */
    private static Optional<DType> blockFor(DType wanted, Shape shape) {
        if (shape.columns() % wanted.blockElements() == 0) {
            return Optional.of(wanted);
        }
        if (shape.columns() % DType.Q8_0.blockElements() != 0) {
            return Optional.empty();
        }
        return Optional.of(wanted == DType.Q6_K ? DType.Q8_0 : DType.Q5_0);
    }
}
