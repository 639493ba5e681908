package dev.gust.runtime.cast;

import dev.gust.formats.codec.E8M0;
import dev.gust.formats.codec.FloatFormat;
import dev.gust.formats.codec.Rounding;
import dev.gust.formats.tensor.DType;
import dev.gust.kernels.cast.CastFormat;
import dev.gust.kernels.cast.GroupCast;
import dev.gust.runtime.kernel.Grid;
import dev.gust.runtime.kernel.Kernel;
import dev.gust.runtime.kernel.KernelCall;
import dev.gust.runtime.kernel.KernelDevice;
import dev.gust.runtime.kernel.KernelPlan;
import dev.gust.runtime.kernel.KernelProgram;
import dev.gust.runtime.kernel.KernelStyle;
import dev.gust.runtime.kernel.KernelTimes;
import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;
import uk.ac.manchester.tornado.api.types.arrays.LongArray;

/** Cast by kernels, in pieces; there is a plan for each power of two that a piece's length is rounded up to. */
final class KernelCast implements CastPlan {
    /** Elements of a piece: 64 MiB of floats. */
    private static final int MOST = 1 << 24;

    /** The smallest plan. */
    private static final int LEAST = 1 << 10;

    private final KernelDevice device;
    private final Cast cast;
    private final boolean encode;
    private final int codeBytes;
    private final Map<Integer, Piece> pieces = new TreeMap<>();
    private boolean closed;

    /** The plan for up to so many elements; {@code format} and {@code state} change from run to run. */
    private record Piece(IntArray in, IntArray out, IntArray format, LongArray state, KernelPlan plan) {}

    KernelCast(KernelDevice device, Cast cast) {
        this.device = device;
        this.cast = cast;
        this.encode = cast.direction() == Cast.Direction.ENCODE;
        this.codeBytes = Math.toIntExact(cast.codeType().byteSize(1));
    }

    @Override
    public synchronized KernelTimes run(MemorySegment in, long count, MemorySegment out) {
        if (closed) {
            throw new IllegalStateException("the plan of a cast to " + cast.dtype() + " is closed");
        }
        CastSizes.check(cast, in, count, out);
        long start = System.nanoTime();
        long kernel = 0;
        long transfer = 0;
        long compile = 0;
        long inBytes = encode ? Float.BYTES : codeBytes;
        long outBytes = encode ? codeBytes : Float.BYTES;
        for (long first = 0; first < count; first += MOST) {
            int elements = (int) Math.min(MOST, count - first);
            Piece piece = pieces.computeIfAbsent(capacity(elements), this::prepare);
            piece.format().set(CastFormat.COUNT, elements);
            if (cast.rounding() instanceof Rounding.Stochastic random) {
                piece.state().set(0, random.stateAt(first));
            }
            MemorySegment.copy(in, first * inBytes, piece.in().getSegment(), 0, elements * inBytes);
            KernelTimes times = piece.plan().execute();
            MemorySegment.copy(piece.out().getSegment(), 0, out, first * outBytes, elements * outBytes);
            kernel += times.kernel();
            transfer += times.transfer();
            compile += times.compile();
        }
        return new KernelTimes(kernel, transfer, compile, System.nanoTime() - start);
    }

    private static int capacity(int elements) {
        return Math.max(LEAST, elements == 1 ? 1 : Integer.highestOneBit(elements - 1) << 1);
    }

    private Piece prepare(int elements) {
        int perWord = Integer.BYTES / codeBytes;
        int words = elements / perWord;
        IntArray in = new IntArray(encode ? elements : words);
        IntArray out = new IntArray(encode ? words : elements);
        IntArray format = format();
        LongArray state = new LongArray(1);
        state.set(0, 0);
        boolean tuned = device.style() == KernelStyle.TUNED;
        Kernel kernel = encode
                ? new CastKernels.Encode(cast, in, out, format, state, perWord, words, tuned)
                : new CastKernels.Decode(in, table(), out, perWord, elements, tuned);
        int items = encode ? words : elements;
        KernelCall call = tuned
                ? KernelCall.tuned("cast", kernel, Grid.ofGroups(Math.ceilDiv(items, GroupCast.LOCAL), GroupCast.LOCAL))
                : KernelCall.portable("cast", kernel);
        KernelProgram program = kernel instanceof CastKernels.Decode decode
                ? new KernelProgram("decode", List.of(call), List.of(decode.table()), List.of(in), List.of(out))
                : new KernelProgram("encode", List.of(call), List.of(), List.of(in, format, state), List.of(out));
        return new Piece(in, out, format, state, device.prepare(program));
    }

    private IntArray format() {
        var array = new IntArray(CastFormat.LENGTH);
        array.init(0);
        FloatFormat.of(cast.dtype()).ifPresent(f -> {
            array.set(CastFormat.MANTISSA_BITS, f.mantissaBits());
            array.set(CastFormat.EMIN, f.emin());
            array.set(CastFormat.MAX_CODE, f.maxCode());
            array.set(CastFormat.MAX_BITS, Float.floatToRawIntBits(f.max()));
            // What lies beyond the range is what the format itself makes of infinity.
            array.set(CastFormat.BEYOND, f.encode(Float.POSITIVE_INFINITY, cast.saturate()));
            array.set(CastFormat.NAN, f.nanCode(false));
            array.set(CastFormat.SIGN, f.signBit());
            array.set(CastFormat.UNSIGNED, f.hasNegativeZero() ? -1 : 0);
        });
        return array;
    }

    /** float32 bits for every code that a byte or two can hold: bits above a code's width are ignored. */
    private IntArray table() {
        int codes = 1 << (Byte.SIZE * codeBytes);
        var table = new IntArray(codes);
        for (int c = 0; c < codes; c++) {
            float value = cast.dtype() == DType.F8_E8M0
                    ? E8M0.decode(c)
                    : FloatFormat.of(cast.dtype()).orElseThrow().decode(c);
            table.set(c, Float.floatToRawIntBits(value));
        }
        return table;
    }

    @Override
    public synchronized void close() {
        closed = true;
        pieces.values().forEach(p -> p.plan().close());
        pieces.clear();
    }
}
