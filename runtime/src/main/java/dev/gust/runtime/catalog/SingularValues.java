package dev.gust.runtime.catalog;

import dev.gust.runtime.device.DeviceId;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;

/**
 * The place of singular value decompositions in the catalog. They are a procedure of products on a device and small
 * factorizations on the host, which dev.gust.quantization.lowrank carries out.
 */
public final class SingularValues {
    /** Largest error of the product beside the reference's truncation, where the singular values have a gap there. */
    private static final double TOLERANCE = 1e-3;

    private SingularValues() {}

    public static OperatorEntry entry() {
        return new OperatorEntry(
                "svd",
                "factors of a matrix, W ≈ A·B, by its largest singular values; with a Gram matrix, of its outputs'",
                "w [M,N]; optional gram [N,N], the sum of x·xᵀ over inputs",
                "a [M,r], b [r,N], s [r]",
                List.of(
                        new OperatorEntry.Attribute("rank", "R", "how many singular values, from 1 to min(M,N)"),
                        new OperatorEntry.Attribute(
                                "energy", "E", "instead of rank: as many as keep that share of their squares"),
                        new OperatorEntry.Attribute(
                                "form",
                                "auto|exact|randomized",
                                "the library's own, or one whose large products run on the device"),
                        new OperatorEntry.Attribute("seed", "0", "of the randomized form's directions")),
                List.of(variant("plain"), variant("whitened")));
    }

    private static Variant variant(String name) {
        Map<DeviceId.Kind, Support> everywhere = new EnumMap<>(DeviceId.Kind.class);
        for (DeviceId.Kind kind : DeviceId.Kind.values()) {
            if (kind != DeviceId.Kind.AUTO) {
                everywhere.put(kind, Support.VALID);
            }
        }
        return new Variant(name, "plain numbers", "", TOLERANCE, everywhere, List.of("exact", "randomized"), false);
    }
}
