package dev.gust.formats.weight;

import dev.gust.formats.InputException;
import dev.gust.formats.codec.Codecs;
import dev.gust.formats.codec.TensorCodec;
import dev.gust.formats.file.TensorSource;
import dev.gust.formats.layout.Fp4Blocks;
import dev.gust.formats.scheme.GlobalScale;
import dev.gust.formats.scheme.Part;
import dev.gust.formats.tensor.DType;
import dev.gust.formats.tensor.Tensor;
import dev.gust.formats.tensor.TensorInfo;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * Reads a model's tensor as float32, rows at a time, however it is stored. Safe to share between threads, each with
 * scratch buffers of its own.
 */
public final class WeightReader implements AutoCloseable {
    private static final GlobalScale NO_SCALE = new GlobalScale(GlobalScale.Use.MULTIPLIES, 1);

    private final LogicalTensor tensor;
    private final List<Tensor> stored;
    private final List<LowRankReader> opened;
    private final Decoding decoding;

    /** Decodes a range of rows, or points at them where they are float32 already. */
    private interface Decoding {
        MemorySegment read(RowRange rows, ScratchBuffers scratch, int slot);
    }

    private WeightReader(LogicalTensor tensor, List<Tensor> stored, List<LowRankReader> opened, Decoding decoding) {
        this.tensor = tensor;
        this.stored = stored;
        this.opened = opened;
        this.decoding = decoding;
    }

    static WeightReader open(TensorSource source, LogicalTensor tensor) {
        var stored = new ArrayList<Tensor>();
        var opened = new ArrayList<LowRankReader>();
        try {
            if (!(tensor.encoding() instanceof TensorEncoding.LowRank)) { // whose reader opens each tensor by itself
                for (TensorInfo info : tensor.stored()) {
                    stored.add(source.open(info.name()));
                }
            }
            List<MemorySegment> data = stored.stream().map(Tensor::data).toList();
            Decoding decoding = switch (tensor.encoding()) {
                case TensorEncoding.Plain(var dtype)
                when dtype == DType.F32 -> (rows, _, _) -> floatsOf(data.getFirst(), tensor, rows);
                case TensorEncoding.Plain(var dtype) ->
                    plain(codec(source, tensor, dtype), data.getFirst(), tensor, NO_SCALE);
                case TensorEncoding.Scaled(var dtype, var scale) ->
                    plain(codec(source, tensor, dtype), data.getFirst(), tensor, scale);
                case TensorEncoding.Quantized quantized -> quantized(quantized, data, tensor);
                case TensorEncoding.LowRank(var weight) -> {
                    var product = LowRankReader.open(source, weight);
                    opened.add(product);
                    yield product::read;
                }
            };
            return new WeightReader(tensor, stored, opened, decoding);
        } catch (RuntimeException e) {
            stored.forEach(Tensor::close);
            opened.forEach(LowRankReader::close);
            throw e;
        }
    }

    public LogicalTensor tensor() {
        return tensor;
    }

    /** Rows that can only be read together. */
    public int rowBlock() {
        return tensor.rowBlock();
    }

    /**
     * The values of some rows, valid until the scratch slot is used again.
     *
     * @param rows the range, cut by {@link RowRange#cut} at multiples of {@link #rowBlock()}
     * @param scratch buffers of the calling thread
     * @param slot first of 8 slots that this call may use
     */
    public MemorySegment read(RowRange rows, ScratchBuffers scratch, int slot) {
        return decoding.read(rows, scratch, slot);
    }

    @Override
    public void close() {
        stored.forEach(Tensor::close);
        opened.forEach(LowRankReader::close);
    }

    private static TensorCodec codec(TensorSource source, LogicalTensor tensor, DType dtype) {
        return Codecs.of(dtype)
                .orElseThrow(() -> InputException.ofTensor(
                        source.location(),
                        tensor.name(),
                        "values of type " + dtype + " cannot be decoded",
                        "convert the model to one of the types in docs/formats.md first"));
    }

    private static MemorySegment floatsOf(MemorySegment data, LogicalTensor tensor, RowRange rows) {
        long rowBytes = tensor.shape().columns() * Float.BYTES;
        return data.asSlice(rows.first() * rowBytes, rows.count() * rowBytes);
    }

    private static Decoding plain(TensorCodec codec, MemorySegment data, LogicalTensor tensor, GlobalScale scale) {
        DType dtype = codec.dtype();
        Optional<Fp4BlockDecoder> blocks = Fp4Blocks.of(dtype).map(form -> new Fp4BlockDecoder(form, codec, scale));
        long columns = tensor.shape().columns();
        return (rows, scratch, slot) -> {
            // Types that pack several elements may cut a row in mid-unit: begin at the unit and skip what is before.
            long first = rows.first() * columns;
            long skipped = first % dtype.blockElements();
            long end = Math.min(
                    Math.ceilDiv(first + rows.count() * columns, (long) dtype.blockElements()) * dtype.blockElements(),
                    tensor.shape().elements());
            long count = end - first + skipped;
            MemorySegment floats = scratch.get(slot, count * Float.BYTES);
            if (blocks.isPresent()) {
                MemorySegment stored = data.asSlice(dtype.byteSize(first - skipped), dtype.byteSize(count));
                blocks.get().decode(stored, floats, scratch, slot + 1);
            } else {
                codec.decode(data, dtype.byteSize(first - skipped), floats, 0, count);
            }
            return floats.asSlice(skipped * Float.BYTES, rows.count() * columns * Float.BYTES);
        };
    }

    private static Decoding quantized(
            TensorEncoding.Quantized encoding, List<MemorySegment> data, LogicalTensor tensor) {
        return (rows, scratch, slot) -> {
            var parts = new ArrayList<MemorySegment>();
            for (int i = 0; i < data.size(); i++) {
                Part.Range range = encoding.quantizer().range(tensor.shape(), i, rows.first(), rows.count());
                parts.add(data.get(i).asSlice(range.offset(), range.bytes()));
            }
            MemorySegment floats =
                    scratch.get(slot, rows.count() * tensor.shape().columns() * Float.BYTES);
            encoding.quantizer().dequantize(parts, rows.count(), tensor.shape().columns(), floats);
            return floats;
        };
    }
}
