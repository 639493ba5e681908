package dev.gust.runtime.layer;

import dev.gust.formats.DeviceException;
import dev.gust.formats.InputException;
import dev.gust.formats.UsageException;
import dev.gust.runtime.catalog.OperatorEntry;
import dev.gust.runtime.catalog.Variant;
import dev.gust.runtime.device.Device;
import dev.gust.runtime.jvm.JvmDevice;
import dev.gust.runtime.kernel.KernelDevice;
import dev.gust.runtime.kernel.KernelStyle;
import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.Optional;

/**
 * The operator: the sum of one row of each of some tables, y_t = Σ_j table_j[ids_tj], as encoders add the embeddings of a
 * word, its position and its sentence's type.
 *
 * @param width D
 * @param tables [V_j, D] float32 each, with V_j 1 or more
 */
public record Embedding(int width, List<MemorySegment> tables) {
    /** Its name in the catalog. */
    public static final String NAME = "embedding";

    /** Largest RMSE(reference − y) / RMS(reference). */
    public static final double TOLERANCE = 1e-6;

    /**
     * @throws InputException if a table does not hold whole rows, one at least
     */
    public Embedding {
        tables = List.copyOf(tables);
        if (width < 1 || tables.isEmpty()) {
            throw InputException.ofTensor(
                    NAME, "table", "has rows of " + width, "give one table [V, D] at least, with D 1 or more");
        }
        for (MemorySegment table : tables) {
            long rowBytes = (long) width * Float.BYTES;
            if (table.byteSize() == 0 || table.byteSize() % rowBytes != 0) {
                throw InputException.ofTensor(
                        NAME, "table", "has " + table.byteSize() + " bytes", "give it as [V, " + width + "] float32");
            }
        }
    }

    /** V of a table. */
    public long rows(int table) {
        return tables.get(table).byteSize() / Float.BYTES / width;
    }

    /** As {@link #prepare(Device, int, Optional)}, with the kernel that suits the device. */
    public EmbeddingPlan prepare(Device device, int rows) {
        return prepare(device, rows, Optional.empty());
    }

    /**
     * Makes it ready on a device. Costly: keep the plan.
     *
     * @param rows most rows of a call
     * @param style which kernel to run on devices that run kernels; nothing for the one that suits the device
     * @throws UsageException if there are too many for an array
     * @throws DeviceException if the tables together are too large for the device
     */
    public EmbeddingPlan prepare(Device device, int rows, Optional<KernelStyle> style) {
        TokenRows.requireMost(rows, Math.max(width, tables.size()));
        return switch (device) {
            case KernelDevice kernels -> new KernelEmbedding(kernels, this, rows, style.orElse(kernels.style()));
            case JvmDevice jvm -> new JvmEmbedding(jvm, this, rows);
            default -> throw new IllegalArgumentException("device " + device.id() + " is of an unknown kind");
        };
    }

    void check(int[] ids, int most, int rows, MemorySegment y) {
        TokenRows.require(NAME, "ids", rows, most);
        int count = tables.size();
        if (ids.length != rows * count) {
            throw InputException.ofTensor(
                    NAME, "ids", "has " + ids.length + " numbers for " + rows + " rows", "give " + count + " to a row");
        }
        for (int i = 0; i < ids.length; i++) {
            if (ids[i] < 0 || ids[i] >= rows(i % count)) {
                throw InputException.ofTensor(
                        NAME,
                        "ids",
                        "is " + ids[i] + " at row " + i / count + ", table " + i % count,
                        "the table has rows 0 to " + (rows(i % count) - 1));
            }
        }
        Floats.require(NAME, "y", y, (long) rows * width, "[rows, D]");
    }

    /** Its place in the catalog. */
    public static OperatorEntry entry() {
        return new OperatorEntry(
                NAME,
                "sums of rows of tables: word, position and type",
                "ids I32 [...] for one table, else [...,J]; table [V,D], or table0 [V0,D], table1 [V1,D] …",
                "y [...,D]",
                List.of(new OperatorEntry.Attribute("kernels", "auto|portable|tuned", "on devices that run kernels")),
                List.of(new Variant("sum", "F32, F16 or BF16", "", TOLERANCE, LayerDevices.ALL)));
    }
}
