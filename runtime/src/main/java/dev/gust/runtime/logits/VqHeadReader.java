package dev.gust.runtime.logits;

import dev.gust.formats.InputException;
import dev.gust.formats.file.TensorSource;
import dev.gust.formats.tensor.DType;
import dev.gust.formats.tensor.Tensor;
import dev.gust.formats.tensor.TensorInfo;
import dev.gust.formats.vqhead.HeadMetadata;
import dev.gust.formats.vqhead.HeadMethod;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;

/**
 * Reads a head's tensors by name, which may have a prefix that ends with a dot. All have {@code weight} [V, D] (F32, F16 or
 * BF16) and may have {@code bias} F32 [V]; kmeans and spherical {@code centroids} F32 [K, D] and {@code assignments} I32
 * [V]; pq {@code codebooks} F32 [S, C, ceil(D/S)] and {@code codes} U8 [V, S]; rvq {@code codebooks} F32 [L, C, D] and
 * {@code codes} U8 [V, L]; int4 {@code codes} U8 [V, D'/2] and {@code scales} F16 [V, D'/32] with D' = D rounded up to 32;
 * lowrank {@code factor_a} F32 [V, r] and {@code factor_b} F32 [r, D]. Without metadata, the names say what it is.
 */
public final class VqHeadReader {
    private static final int MOST_TOKENS = Integer.MAX_VALUE - 16;

    private final TensorSource source;

    private VqHeadReader(TensorSource source) {
        this.source = source;
    }

    /**
     * The head of a file, on the file's own memory.
     *
     * @throws InputException if the file holds none, or a bad one
     */
    public static VqHead read(TensorSource source) {
        return new VqHeadReader(source).head();
    }

    private VqHead head() {
        TensorInfo weight = of("weight", 2, DType.F32, DType.F16, DType.BF16);
        long v = weight.shape().dim(0);
        long d = weight.shape().dim(1);
        if (v > MOST_TOKENS || d > MOST_TOKENS) {
            throw bad(weight.name(), "is " + weight.shape(), "heads have fewer than 2^31 rows and columns");
        }
        String text = source.metadata().get(HeadMetadata.KEY);
        HeadMetadata metadata = text == null ? HeadMetadata.of(guess(d)) : HeadMetadata.parse(source.location(), text);
        Optional<MemorySegment> bias =
                named("bias").isEmpty() ? Optional.empty() : Optional.of(data(of("bias", 1, DType.F32)));
        return new VqHead(
                source.location(),
                (int) v,
                (int) d,
                weight.dtype(),
                data(weight),
                bias,
                screen(metadata.method(), v, d),
                metadata);
    }

    private HeadMethod guess(long d) {
        if (!named("centroids").isEmpty()) {
            return HeadMethod.KMEANS;
        }
        if (!named("codebooks").isEmpty()) {
            TensorInfo codebooks = of("codebooks", 3, DType.F32);
            return codebooks.shape().dim(2) == d && codebooks.shape().dim(0) > 1 ? HeadMethod.RVQ : HeadMethod.PQ;
        }
        if (!named("scales").isEmpty()) {
            return HeadMethod.INT4;
        }
        return named("factor_a").isEmpty() ? HeadMethod.DENSE : HeadMethod.LOWRANK;
    }

    private Screen screen(HeadMethod method, long v, long d) {
        return switch (method) {
            case DENSE -> new Screen.None();
            case KMEANS, SPHERICAL -> {
                TensorInfo centroids = of("centroids", 2, DType.F32);
                require(centroids, centroids.shape().dim(0), d);
                TensorInfo assignments = of("assignments", 1, DType.I32);
                require(assignments, v);
                yield new Screen.Clusters(
                        size(centroids, 0), data(centroids), data(assignments), method == HeadMethod.SPHERICAL);
            }
            case PQ, RVQ -> {
                TensorInfo codebooks = of("codebooks", 3, DType.F32);
                TensorInfo codes = of("codes", 2, DType.U8);
                require(codes, v, codebooks.shape().dim(0));
                yield new Screen.Codes(
                        size(codebooks, 0),
                        size(codebooks, 1),
                        size(codebooks, 2),
                        data(codebooks),
                        data(codes),
                        method == HeadMethod.RVQ);
            }
            case INT4 -> {
                long width = Math.ceilDiv(d, (long) Screen.Int4.BLOCK) * Screen.Int4.BLOCK;
                TensorInfo codes = of("codes", 2, DType.U8);
                require(codes, v, width / 2);
                TensorInfo scales = of("scales", 2, DType.F16);
                require(scales, v, width / Screen.Int4.BLOCK);
                yield new Screen.Int4((int) width, data(codes), data(scales));
            }
            case LOWRANK -> {
                TensorInfo a = of("factor_a", 2, DType.F32);
                TensorInfo b = of("factor_b", 2, DType.F32);
                require(a, v, a.shape().dim(1));
                require(b, a.shape().dim(1), d);
                yield new Screen.LowRank(size(a, 1), data(a), data(b));
            }
        };
    }

    private List<TensorInfo> named(String wanted) {
        return source.tensors().stream()
                .filter(t -> t.name().substring(t.name().lastIndexOf('.') + 1).equals(wanted))
                .toList();
    }

    private TensorInfo of(String wanted, int rank, DType... types) {
        List<TensorInfo> found = named(wanted);
        if (found.size() != 1) {
            throw bad(
                    wanted,
                    found.isEmpty() ? "is missing" : "is there " + found.size() + " times",
                    "a head has one tensor of that name");
        }
        TensorInfo info = found.getFirst();
        if (!Arrays.asList(types).contains(info.dtype()) || info.shape().rank() != rank) {
            throw bad(
                    info.name(),
                    "is " + info.dtype() + " " + info.shape(),
                    "make it " + Arrays.toString(types) + " with " + rank + " dimensions");
        }
        return info;
    }

    private void require(TensorInfo info, long... dims) {
        if (!Arrays.equals(info.shape().dims(), dims)) {
            throw bad(info.name(), "is " + info.shape(), "the other tensors ask for " + Arrays.toString(dims));
        }
    }

    private int size(TensorInfo info, int dimension) {
        long size = info.shape().dim(dimension);
        if (size > MOST_TOKENS) {
            throw bad(info.name(), "is " + info.shape(), "dimensions stay below 2^31");
        }
        return (int) size;
    }

    private MemorySegment data(TensorInfo info) {
        try (Tensor tensor = source.open(info.name())) {
            return tensor.data(); // a view of the file, whose memory stays until the source is closed
        }
    }

    private InputException bad(String tensor, String reason, String remedy) {
        return InputException.ofTensor(source.location(), tensor, reason, remedy);
    }
}
