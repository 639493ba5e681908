package dev.gust.quantization.pipeline;

import dev.gust.formats.codec.Codecs;
import dev.gust.formats.codec.TensorCodec;
import dev.gust.formats.layout.Layout;
import dev.gust.formats.model.ModelInput;
import dev.gust.formats.tensor.DType;
import dev.gust.formats.weight.LogicalModel;
import dev.gust.formats.weight.LogicalTensor;
import dev.gust.formats.weight.TensorEncoding;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.Function;

/** Plans that store a model otherwise without making it smaller: in another container, or dequantized. */
public final class ConversionPlanner {
    private ConversionPlanner() {}

    /**
     * The same values in another container: stored tensors as they are, but for MXFP4 and NVFP4 weights, which GGUF
     * stores as blocks and the others as tensors of codes and scales. NVFP4's become compressed-tensors' where its
     * divisor holds the tensor scales exactly, else ModelOpt's, which multiplies as GGUF does.
     *
     * @throws dev.gust.formats.InputException if a scale of NVFP4 is none, or the other form cannot hold it
     */
    public static OutputPlan convert(ModelInput input, LogicalModel model, Path target) {
        List<TensorTask> tasks = new ArrayList<>();
        Function<LogicalTensor, Optional<TensorTask>> repacked = repacking(model, Container.of(target));
        for (LogicalTensor tensor : model.tensors()) {
            tasks.add(repacked.apply(tensor).orElseGet(() -> new CopyTask(tensor, "")));
        }
        return new OutputAssembly(input, model, target).assembleConverted(tasks);
    }

    /** A 4-bit float weight takes the form that the container knows; Arrow keeps either. */
    private static Function<LogicalTensor, Optional<TensorTask>> repacking(LogicalModel model, Container container) {
        return switch (container) {
            case GGUF -> tensor -> RepackTask.toBlocks(model, tensor);
            case FOLDER, SAFETENSORS -> {
                Layout nvfp4 = Nvfp4Scales.layoutFor(model);
                yield tensor -> RepackTask.toParts(tensor, nvfp4);
            }
            case ARROW -> _ -> Optional.empty();
        };
    }

    /**
     * Every float tensor in a plain type; what is no float (positions, flags) stays as it is.
     *
     * @param dtype F32, F16 or BF16
     */
    public static OutputPlan dequantize(ModelInput input, LogicalModel model, DType dtype, Path target) {
        TensorCodec codec = Codecs.of(dtype).orElseThrow();
        List<TensorTask> tasks = new ArrayList<>();
        for (LogicalTensor tensor : model.tensors()) {
            boolean number = tensor.isQuantized()
                    || (tensor.encoding() instanceof TensorEncoding.Plain(var type) && type.kind() == DType.Kind.FLOAT);
            boolean same = tensor.encoding() instanceof TensorEncoding.Plain(var type) && type == dtype;
            tasks.add(number && !same ? EncodeTask.to(tensor, codec, "") : new CopyTask(tensor, ""));
        }
        return new OutputAssembly(input, model, target).assembleDequantized(tasks, dtype);
    }
}
