package dev.gust.cli;

import dev.gust.formats.OutputException;
import dev.gust.formats.UsageException;
import dev.gust.formats.vqhead.HeadMethod;
import dev.gust.quantization.vq.HeadRequest;
import dev.gust.quantization.vq.HeadSource;
import dev.gust.quantization.vq.KMeansOptions;
import dev.gust.quantization.vq.TrainedHead;
import dev.gust.quantization.vq.TrainingRun;
import dev.gust.runtime.Devices;
import dev.gust.runtime.device.Device;
import dev.gust.runtime.device.DeviceId;
import dev.gust.runtime.jvm.JvmDevice;
import java.lang.foreign.Arena;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.util.Locale;
import java.util.Optional;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Parameters;

/** {@code gust vqhead}. */
@Command(
        name = "vqhead",
        mixinStandardHelpOptions = true,
        versionProvider = Version.class,
        description = {
            "Builds a vector-quantized output head from a [V,D] matrix: its exact rows, and a screen that finds the rows",
            "worth multiplying. OUT is a .safetensors file, for gust op vq-logits and the Java API.",
            "pq and int4 find nearly all; kmeans and spherical probe clusters; lowrank suits matrices of low rank."
        })
final class VqHeadCommand implements Callable<Integer> {
    @Mixin
    CommonOptions common = new CommonOptions();

    @Parameters(index = "0", paramLabel = "IN")
    String in = "";

    @Parameters(index = "1", paramLabel = "OUT")
    Path out = Path.of("");

    @Option(
            names = "--tensor",
            paramLabel = "NAME",
            description = "The matrix (default: lm_head.weight or output.weight).")
    @Nullable
    String tensor;

    @Option(names = "--bias", paramLabel = "NAME", description = "A bias [V] of the head (default: none).")
    @Nullable
    String bias;

    @Option(
            names = "--method",
            paramLabel = "M",
            description = "kmeans, spherical, pq, rvq, int4 or lowrank (default: pq).")
    String method = "pq";

    @Option(
            names = "--codes",
            paramLabel = "K",
            description = "Clusters (default: V/16), or entries of a codebook (default and most: 256).")
    int codes;

    @Option(
            names = "--parts",
            paramLabel = "S",
            description = "Bytes to a row: parts of pq (default: D/4), levels of rvq (default: 16).")
    int parts;

    @Option(names = "--rank", paramLabel = "R", description = "Rank of lowrank (default: D/4).")
    int rank;

    @Option(names = "--balanced", description = "Clusters of equal size, as FlashHead has them.")
    boolean balanced;

    @Option(names = "--simvq", description = "For kmeans: a frozen random codebook times a learned map.")
    boolean simVq;

    @Option(names = "--seed", paramLabel = "N", description = "Of all random choices (default: 0).")
    long seed;

    @Option(names = "--iterations", paramLabel = "N", description = "Most passes over the rows (default: 25).")
    int iterations = 25;

    @Option(
            names = "--batch",
            paramLabel = "N",
            description = "Rows between two updates of the centroids (default: all of them).")
    int batch;

    @Option(
            names = "--sample",
            paramLabel = "N",
            description = "Most rows to train on (default: 256 to a cluster or entry).")
    int sample;

    @Option(
            names = "--rerank",
            paramLabel = "N",
            description = "Rows that a search multiplies exactly, for the file (default: 256).")
    int rerank;

    @Option(
            names = "--outliers",
            paramLabel = "N",
            description =
                    "Rows that every search multiplies exactly, where the screen is far off (default: 512, V/512 at most).")
    int outliers = HeadRequest.OUTLIERS;

    @Option(
            names = "--score-weight",
            paramLabel = "W",
            description =
                    "For pq: how much more errors along a row count than others (default: 3; 0: nearest entries).")
    double scoreWeight = HeadRequest.SCORE_WEIGHT;

    @Option(names = "--probes", paramLabel = "N", description = "Clusters that a search looks into, for the file.")
    int probes;

    @Option(names = "--overwrite", description = "Replace OUT if it exists.")
    boolean overwrite;

    @Override
    public Integer call() {
        DeviceId id = common.deviceId();
        HeadRequest request = request();
        requirePlace();
        common.interruption().watch();
        long start = System.nanoTime();
        try (Models model = Models.open(in);
                Arena memory = Arena.ofShared();
                var host = new JvmDevice();
                Device device =
                        id.equals(DeviceId.AUTO) || id.equals(DeviceId.JVM) ? new JvmDevice() : Devices.open(id)) {
            var run = new TrainingRun(
                    device, host, common.threads, memory, common.interruption()::isRequested, common.progress());
            HeadSource source =
                    HeadSource.read(run, model.logical(), Optional.ofNullable(tensor), Optional.ofNullable(bias));
            TrainedHead head;
            run.progress().begin("training " + out, source.bytesToTrain(request));
            try {
                head = source.train(run, request);
            } finally {
                run.progress().end();
            }
            source.write(out, head);
            new HeadReport(in, out, request, source, head, (System.nanoTime() - start) / 1e9).print(common);
        }
        return ExitCodes.DONE;
    }

    private HeadRequest request() {
        HeadMethod wanted = HeadMethod.find(method.toLowerCase(Locale.ROOT))
                .filter(m -> m != HeadMethod.DENSE)
                .orElseThrow(() -> new ParameterException(
                        common.spec.commandLine(),
                        "there is no method '" + method + "': choose kmeans, spherical, pq, rvq, int4 or lowrank"));
        var training = new KMeansOptions(1, iterations, KMeansOptions.TOLERANCE, seed, batch, sample, false, balanced);
        return new HeadRequest(wanted, codes, parts, rank, simVq, rerank, probes, outliers, scoreWeight, training);
    }

    /** A file that cannot be written should not be learnt of after minutes of training. */
    private void requirePlace() {
        String name = String.valueOf(out.getFileName()).toLowerCase(Locale.ROOT);
        if (!name.endsWith(".safetensors")) {
            throw new UsageException("a head is not written to '" + out + "'", "name a .safetensors file");
        }
        if (Files.exists(out, LinkOption.NOFOLLOW_LINKS) && !overwrite) {
            throw OutputException.of(
                    out.toString(), "exists already", "choose another name, or replace it with --overwrite");
        }
        if (Files.isDirectory(out)) {
            throw OutputException.of(out.toString(), "is a folder", "name a file");
        }
    }
}
