package dev.gust.quantization.vq;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.gust.formats.InputException;
import dev.gust.formats.tensor.DType;
import dev.gust.formats.tensor.Shape;
import dev.gust.formats.tensor.Tensor;
import dev.gust.formats.tensor.TensorInfo;
import dev.gust.formats.vqhead.HeadMetadata;
import dev.gust.formats.vqhead.HeadMethod;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.stream.IntStream;

/**
 * A head's screen as it was trained: the tensors that go into its file beside the exact rows, and what is known of it.
 *
 * @param tensors under the names of the file
 * @param settings for the file's metadata under {@link HeadMetadata#KEY}
 * @param outliers rows that every search multiplies exactly
 * @param screenBytes bytes that scoring all rows reads
 * @param relativeError the sum of squared differences between rows and what the screen makes of them, divided by the sum of
 *     the rows' squares; for spherical clusters of rows brought to length 1
 * @param clusters sizes of the clusters, for methods that have some
 */
public record TrainedHead(
        List<Tensor> tensors,
        ObjectNode settings,
        List<Integer> outliers,
        long screenBytes,
        double relativeError,
        Optional<ClusterSizes> clusters) {
    public TrainedHead {
        tensors = List.copyOf(tensors);
    }

    /**
     * How rows spread over clusters.
     *
     * @param count clusters
     * @param empty of them without rows
     * @param smallest rows in the smallest
     * @param median rows in the middle one
     * @param largest rows in the largest
     * @param iterations passes of the training
     * @param repaired how often an empty cluster was given a row
     */
    public record ClusterSizes(
            int count, int empty, int smallest, int median, int largest, int iterations, int repaired) {
        static ClusterSizes of(Clusters clusters) {
            int[] sizes = clusters.sizes();
            Arrays.sort(sizes);
            return new ClusterSizes(
                    sizes.length,
                    (int) Arrays.stream(sizes).filter(s -> s == 0).count(),
                    sizes[0],
                    sizes[sizes.length / 2],
                    sizes[sizes.length - 1],
                    clusters.iterations(),
                    clusters.repaired());
        }
    }

    /**
     * Trains a head's screen.
     *
     * @param x the rows, finite
     * @return tensors in the run's memory
     * @throws InputException if the rows do not suit the request: too few, of zeros only, not finite
     */
    public static TrainedHead train(TrainingRun run, Vectors x, HeadRequest request) {
        x.requireFinite();
        KMeansOptions training = request.trainingFor(x.count());
        var parts = new ArrayList<Tensor>();
        ObjectNode settings = metadata(request).json();
        settings.put("seed", training.seed());
        double squares = squares(x);
        return switch (request.method()) {
            case DENSE -> new TrainedHead(parts, settings, List.of(), 0, 0, Optional.empty());
            case KMEANS, SPHERICAL -> {
                Clusters clusters;
                if (request.simVq()) {
                    SimVq trained = SimVq.train(run, x, training);
                    clusters = trained.clusters();
                    parts.add(tensor("simvq", DType.F32, trained.map().data(), x.length(), x.length()));
                } else {
                    clusters = KMeans.train(run, x, training);
                }
                Vectors centroids = clusters.centroids();
                parts.add(tensor("centroids", DType.F32, centroids.data(), centroids.count(), x.length()));
                parts.add(tensor("assignments", DType.I32, clusters.ids(), x.count()));
                settings.put("codes", training.codes()).put("balanced", training.balanced());
                double whole = training.spherical() ? nonZero(x) : squares;
                yield new TrainedHead(
                        parts,
                        settings,
                        List.of(),
                        centroids.data().byteSize(),
                        ratio(clusters.error(), whole),
                        Optional.of(ClusterSizes.of(clusters)));
            }
            case PQ, RVQ -> {
                int count = request.partsFor(x.length());
                ProductQuantizer.Codes codes = request.method() == HeadMethod.PQ
                        ? ScoreAwareCodes.choose(
                                run, x, ProductQuantizer.product(run, x, count, training), request.scoreWeight())
                        : ProductQuantizer.residual(run, x, count, training);
                parts.add(tensor(
                        "codebooks", DType.F32, codes.codebooks(), codes.parts(), codes.entries(), codes.width()));
                parts.add(tensor("codes", DType.U8, codes.codes(), x.count(), codes.parts()));
                settings.put("codes", training.codes()).put("parts", codes.parts());
                if (request.method() == HeadMethod.PQ) {
                    settings.put("score_weight", request.scoreWeight());
                }
                yield screen(parts, settings, codes.error(), squares, farthest(codes.errors(), request));
            }
            case INT4 -> {
                NibbleRows rows = NibbleRows.of(run, x);
                long blocks = Math.ceilDiv(x.length(), NibbleRows.BLOCK);
                parts.add(tensor("codes", DType.U8, rows.codes(), x.count(), blocks * NibbleRows.BLOCK / 2));
                parts.add(tensor("scales", DType.F16, rows.scales(), x.count(), blocks));
                settings.put("bits", 4);
                yield screen(parts, settings, rows.error(), squares, farthest(rows.errors(), request));
            }
            case LOWRANK -> {
                LowRankRows rows = LowRankRows.of(run, x, request.rankFor(x.length()));
                parts.add(tensor(
                        "factor_a",
                        DType.F32,
                        rows.a().data(),
                        x.count(),
                        rows.b().count()));
                parts.add(
                        tensor("factor_b", DType.F32, rows.b().data(), rows.b().count(), x.length()));
                settings.put("rank", rows.b().count());
                yield screen(parts, settings, rows.error(), squares, List.of());
            }
        };
    }

    private static HeadMetadata metadata(HeadRequest request) {
        boolean clusters = request.method() == HeadMethod.KMEANS || request.method() == HeadMethod.SPHERICAL;
        int rerank = request.rerank() > 0 ? request.rerank() : HeadRequest.RERANK;
        return new HeadMetadata(
                request.method(), clusters || request.method() == HeadMethod.DENSE ? 0 : rerank, request.probes());
    }

    /**
     * The rows with the greatest errors, which are few and far off in real matrices: long ones, that are often among the best,
     * and that a codebook for all has no entries for.
     */
    private static List<Integer> farthest(double[] errors, HeadRequest request) {
        return IntStream.range(0, errors.length)
                .boxed()
                .sorted(Comparator.comparingDouble(row -> -errors[row]))
                .limit(Math.min(request.outliers(), errors.length / HeadRequest.ROWS_TO_AN_OUTLIER))
                .sorted()
                .toList();
    }

    private static TrainedHead screen(
            List<Tensor> parts, ObjectNode settings, double error, double squares, List<Integer> outliers) {
        if (!outliers.isEmpty()) {
            ArrayNode list = settings.putArray("always");
            outliers.forEach(list::add);
        }
        long bytes = parts.stream().mapToLong(t -> t.info().byteSize()).sum();
        return new TrainedHead(parts, settings, outliers, bytes, ratio(error, squares), Optional.empty());
    }

    private static Tensor tensor(String name, DType type, MemorySegment data, long... dims) {
        var info = new TensorInfo(name, type, Shape.of(dims));
        return Tensor.view(info, data.asSlice(0, info.byteSize()));
    }

    private static double ratio(double error, double whole) {
        return whole == 0 ? 0 : error / whole;
    }

    private static double squares(Vectors x) {
        float[] row = new float[x.length()];
        double sum = 0;
        for (int r = 0; r < x.count(); r++) {
            x.load(r, row);
            sum += Vectors.squares(row);
        }
        return sum;
    }

    private static int nonZero(Vectors x) {
        float[] row = new float[x.length()];
        int count = 0;
        for (int r = 0; r < x.count(); r++) {
            x.load(r, row);
            count += Vectors.squares(row) > 0 ? 1 : 0;
        }
        return count;
    }
}
