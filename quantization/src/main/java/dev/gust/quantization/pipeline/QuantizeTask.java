package dev.gust.quantization.pipeline;

import dev.gust.formats.layout.Layout;
import dev.gust.formats.measure.ErrorSums;
import dev.gust.formats.scheme.Part;
import dev.gust.formats.scheme.Scheme;
import dev.gust.formats.scheme.WeightQuantizer;
import dev.gust.formats.tensor.TensorInfo;
import dev.gust.formats.weight.LogicalModel;
import dev.gust.formats.weight.LogicalTensor;
import dev.gust.formats.weight.RowRange;
import dev.gust.formats.weight.ScratchBuffers;
import dev.gust.formats.weight.WeightReader;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;

/**
 * Quantizes a weight into the parts of a scheme.
 *
 * @param source the weight
 * @param scheme the scheme
 * @param quantizer does it
 * @param layout names the parts
 * @param parts the parts
 * @param outputs the stored tensors, one for each part
 * @param sharing the weights that share a global scale with this one, itself among them
 */
public record QuantizeTask(
        LogicalTensor source,
        Scheme scheme,
        WeightQuantizer quantizer,
        Layout layout,
        List<Part> parts,
        List<TensorInfo> outputs,
        List<LogicalTensor> sharing)
        implements TensorTask {

    static QuantizeTask of(
            LogicalTensor source,
            Scheme scheme,
            WeightQuantizer quantizer,
            Layout layout,
            List<LogicalTensor> sharing) {
        List<Part> parts = quantizer.parts(source.shape());
        List<TensorInfo> outputs =
                parts.stream().map(p -> layout.stored(source.name(), p)).toList();
        return new QuantizeTask(source, scheme, quantizer, layout, parts, outputs, sharing);
    }

    @Override
    public String encoding() {
        return scheme.label();
    }

    @Override
    public String reason() {
        return "";
    }

    @Override
    public List<RowRange> pieces() {
        return RowRange.cut(source.shape(), quantizer.rowBlock());
    }

    @Override
    public List<LogicalTensor> magnitudeOf() {
        return quantizer.usesTensorAmax() ? sharing : List.of();
    }

    @Override
    public OpenTask open(LogicalModel model, float magnitude) {
        return new Open(model.read(source), model.source().location(), magnitude);
    }

    private final class Open implements OpenTask {
        private final WeightReader reader;
        private final String location;
        private final float magnitude;

        Open(WeightReader reader, String location, float magnitude) {
            this.reader = reader;
            this.location = location;
            this.magnitude = magnitude;
        }

        @Override
        public ErrorSums run(RowRange rows, ScratchBuffers scratch, Sink sink) {
            long columns = source.shape().columns();
            MemorySegment floats = reader.read(rows, scratch, 0);
            if (!quantizer.usesTensorAmax()) { // the pass for the magnitude has looked already
                FiniteCheck.scan(location, source, rows, floats);
            }
            var bytes = new ArrayList<MemorySegment>();
            var ranges = new ArrayList<Part.Range>();
            for (int i = 0; i < parts.size(); i++) {
                Part.Range range = quantizer.range(source.shape(), i, rows.first(), rows.count());
                ranges.add(range);
                bytes.add(scratch.get(8 + i, range.bytes()));
            }
            quantizer.quantize(floats, rows.count(), source.shape(), magnitude, bytes);
            for (int i = 0; i < parts.size(); i++) {
                if (!parts.get(i).perWeight()
                        || rows.first() == 0) { // all pieces make the same one; the first writes it
                    sink.write(outputs.get(i), ranges.get(i).offset(), bytes.get(i));
                }
            }
            MemorySegment restored = scratch.get(8 + parts.size(), floats.byteSize());
            quantizer.dequantize(bytes, rows.count(), columns, restored);
            return ErrorSums.of(floats, restored);
        }

        @Override
        public void close() {
            reader.close();
        }
    }
}
