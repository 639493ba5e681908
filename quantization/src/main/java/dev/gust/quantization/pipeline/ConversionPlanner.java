package dev.gust.quantization.pipeline;

import dev.gust.formats.codec.Codecs;
import dev.gust.formats.codec.TensorCodec;
import dev.gust.formats.model.ModelInput;
import dev.gust.formats.tensor.DType;
import dev.gust.quantization.model.LogicalModel;
import dev.gust.quantization.model.LogicalTensor;
import dev.gust.quantization.model.TensorEncoding;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** Plans that store a model otherwise without making it smaller: in another container, or dequantized. */
public final class ConversionPlanner {
    private ConversionPlanner() {}

    /** The same stored tensors in another container. */
    public static OutputPlan convert(ModelInput input, LogicalModel model, Path target) {
        List<TensorTask> tasks = new ArrayList<>();
        for (LogicalTensor tensor : model.tensors()) {
            tasks.add(new CopyTask(tensor, ""));
        }
        return new OutputAssembly(input, model, target).assembleConverted(tasks);
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
