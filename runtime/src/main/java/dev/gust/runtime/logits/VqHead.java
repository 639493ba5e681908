package dev.gust.runtime.logits;

import dev.gust.formats.InputException;
import dev.gust.formats.file.TensorSource;
import dev.gust.formats.tensor.DType;
import dev.gust.formats.vqhead.HeadMetadata;
import dev.gust.formats.vqhead.HeadMethod;
import dev.gust.runtime.weight.LinearWeight;
import dev.gust.runtime.weight.WeightFormat;
import java.lang.foreign.MemorySegment;
import java.util.Optional;

/**
 * An output head: logits = W · h + bias for a vocabulary of V tokens, with a screen. Made by {@link VqHeadReader} or in
 * memory; what it holds is checked when it is made.
 *
 * @param where the file, or whatever errors shall name
 * @param v tokens, at least 1
 * @param d numbers in a hidden state, at least 1
 * @param type F32, F16 or BF16
 * @param weight W [V, D]
 * @param bias float32 [V]
 * @param screen the screen
 * @param metadata its settings
 */
public record VqHead(
        String where,
        int v,
        int d,
        DType type,
        MemorySegment weight,
        Optional<MemorySegment> bias,
        Screen screen,
        HeadMetadata metadata) {

    /**
     * @throws InputException if sizes do not fit together, numbers are not finite, or codes or clusters are out of range
     */
    public VqHead {
        new HeadCheck(where, v, d).check(type, weight, bias, screen);
        for (int row : metadata.always()) {
            if (row >= v) {
                throw InputException.of(
                        where,
                        "names row " + row + " of " + v + " as always exact",
                        "write the head again with gust vqhead");
            }
        }
        if (metadata.method() != screen.method()) {
            throw InputException.of(
                    where,
                    "says '" + metadata.method().label() + "' and holds '"
                            + screen.method().label() + "'",
                    "write the head again with gust vqhead");
        }
    }

    /**
     * Reads the head that a file holds; see {@link VqHeadReader}. It is usable until the source is closed.
     *
     * @throws InputException if the file holds none, or a bad one
     */
    public static VqHead read(TensorSource source) {
        return VqHeadReader.read(source);
    }

    /** A head of float32 rows in memory. */
    public static VqHead of(int v, int d, MemorySegment weight, Screen screen) {
        return new VqHead("head", v, d, DType.F32, weight, Optional.empty(), screen, HeadMetadata.of(screen.method()));
    }

    /** The method. */
    public HeadMethod method() {
        return metadata.method();
    }

    /** The exact rows. */
    LinearWeight rows() {
        return new LinearWeight("weight", v, d, new WeightFormat.Plain(type), weight, MemorySegment.NULL, 1);
    }

    /** Bytes of one exact row. */
    long rowBytes() {
        return type.byteSize(d);
    }
}
