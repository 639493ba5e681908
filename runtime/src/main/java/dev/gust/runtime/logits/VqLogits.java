package dev.gust.runtime.logits;

import dev.gust.formats.DeviceException;
import dev.gust.formats.UsageException;
import dev.gust.runtime.catalog.OperatorEntry;
import dev.gust.runtime.catalog.Support;
import dev.gust.runtime.catalog.Variant;
import dev.gust.runtime.device.Device;
import dev.gust.runtime.device.DeviceId;
import dev.gust.runtime.jvm.JvmDevice;
import dev.gust.runtime.kernel.KernelDevice;
import java.util.List;
import java.util.Map;

/** The operator: the k tokens of highest logit, logits = W · h + bias, by a head that need not read all of W. */
public final class VqLogits {
    /** Largest RMSE(reference − logits) / RMS(reference) of the logits that are multiplied exactly. */
    public static final double TOLERANCE = 1e-5;

    private VqLogits() {}

    /** Its place in the catalog. */
    public static OperatorEntry entry() {
        return new OperatorEntry(
                "vq-logits",
                "the tokens of highest logit, W · h + bias, by a screen and exact products of what it finds",
                "h [M,D] and a head's tensors: weight [V,D] and those of the screen, as gust vqhead writes them",
                "ids I32 [M,k] and logits [M,k], descending",
                List.of(
                        new OperatorEntry.Attribute("top", "8", "k"),
                        new OperatorEntry.Attribute("exact", "false|true", "whether to multiply every row"),
                        new OperatorEntry.Attribute(
                                "codebook",
                                "false|true",
                                "whether only centroids count, all tokens of a cluster alike"),
                        new OperatorEntry.Attribute("rerank", "32", "tokens that are multiplied exactly"),
                        new OperatorEntry.Attribute("probes", "16", "clusters that are searched"),
                        new OperatorEntry.Attribute("special", "", "ids, with commas, that are always multiplied"),
                        new OperatorEntry.Attribute("head", "", "a file with the head's tensors, if not the input"),
                        new OperatorEntry.Attribute(
                                "kernels", "auto|portable|tuned", "which kernels to run on devices that run kernels")),
                List.of(
                        variant("dense", "F32, F16, BF16", ""),
                        variant("codebook", "centroids and assignments", "clusters only"),
                        variant("probe", "centroids, assignments, rows", ""),
                        variant("pq", "codes of a byte, codebooks, rows", "at most 256 entries"),
                        variant("rvq", "codes of a byte, codebooks, rows", "at most 256 entries"),
                        variant("int4", "codes and F16 scales, rows", ""),
                        variant("lowrank", "two factors, rows", "")));
    }

    private static Variant variant(String name, String stored, String shapes) {
        return new Variant(
                name,
                stored,
                shapes,
                TOLERANCE,
                Map.of(
                        DeviceId.Kind.JVM, Support.VALID,
                        DeviceId.Kind.SCALAR, Support.VALID,
                        DeviceId.Kind.EMULATOR, Support.VALID,
                        DeviceId.Kind.TORNADO, Support.VALID));
    }

    /** Name of the catalog's variant that a search of a head is of. */
    public static String variantOf(VqHead head, HeadOptions options) {
        return switch (options.search()) {
            case EXACT -> "dense";
            case CODEBOOK -> "codebook";
            case SCREEN ->
                switch (head.method()) {
                    case KMEANS, SPHERICAL -> "probe";
                    default -> head.method().label();
                };
        };
    }

    /**
     * Makes a head ready on a device. Costly: keep the plan.
     *
     * @param head has to stay in memory until the plan is closed
     * @throws UsageException if the options do not go with the head
     * @throws DeviceException if the device cannot run it
     */
    public static HeadPlan prepare(Device device, VqHead head, HeadOptions options) {
        if (options.search() == HeadOptions.Search.CODEBOOK && !(head.screen() instanceof Screen.Clusters)) {
            throw new UsageException(
                    "a head of method '" + head.method().label() + "' has no clusters",
                    "make one with --method kmeans or spherical, or leave the codebook search");
        }
        for (int id : options.special()) {
            if (id < 0 || id >= head.v()) {
                throw new UsageException(
                        "special token " + id + " of a vocabulary of " + head.v(), "name ids below that");
            }
        }
        return switch (device) {
            case KernelDevice kernels -> new KernelHead(kernels, head, options);
            case JvmDevice jvm -> new JvmHead(jvm, head, options);
            default -> throw new IllegalArgumentException("no heads on " + device.id());
        };
    }

    static void requireK(VqHead head, int k) {
        if (k < 1 || k > head.v()) {
            throw new UsageException(
                    k + " tokens of a vocabulary of " + head.v(), "ask for 1 to " + head.v() + " tokens");
        }
    }

    /** Arrays and kernels count in ints. */
    static void requireRoom(int m, int columns) {
        if ((long) m * columns > Integer.MAX_VALUE - 16) {
            throw new UsageException(
                    m + " hidden states with " + columns + " logits each are too many at a time",
                    "cut them into parts");
        }
    }
}
