package dev.gust.cli;

import dev.gust.formats.InputException;
import dev.gust.formats.UsageException;
import dev.gust.formats.codec.Codecs;
import dev.gust.formats.codec.TensorCodec;
import dev.gust.formats.file.TensorSource;
import dev.gust.formats.tensor.DType;
import dev.gust.formats.tensor.Shape;
import dev.gust.formats.tensor.Tensor;
import dev.gust.formats.tensor.TensorInfo;
import dev.gust.formats.weight.LogicalTensor;
import dev.gust.runtime.kernel.KernelStyle;
import dev.gust.runtime.kernel.KernelTimes;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** What the runs of all operators share: how inputs are found and what a run leaves. */
final class OpRun {
    private OpRun() {}

    /**
     * What a run leaves.
     *
     * @param variant the catalog's variant that ran
     * @param summary its sizes, for people
     * @param outputs the results
     * @param times where the time went
     * @param memory what the results live in
     */
    record Result(String variant, String summary, List<Tensor> outputs, KernelTimes times, Arena memory)
            implements AutoCloseable {
        @Override
        public void close() {
            memory.close();
        }
    }

    /** Whether there is a tensor whose name is {@code wanted}, or ends with it behind a dot. */
    static boolean has(Models model, String wanted) {
        return !named(model, wanted).isEmpty();
    }

    private static List<LogicalTensor> named(Models model, String wanted) {
        return model.logical().tensors().stream()
                .filter(t -> t.name().substring(t.name().lastIndexOf('.') + 1).equals(wanted))
                .toList();
    }

    /** The plain tensor whose name is {@code wanted}, or ends with it behind a dot. */
    static TensorInfo input(Models model, String wanted) {
        String location = model.input().source().location();
        List<LogicalTensor> found = named(model, wanted);
        if (found.size() != 1) {
            throw InputException.ofTensor(
                    location,
                    wanted,
                    found.isEmpty() ? "is missing" : "is there " + found.size() + " times",
                    "give the file one tensor of that name");
        }
        if (found.getFirst().isQuantized()) {
            throw InputException.ofTensor(
                    location,
                    wanted,
                    "is stored as " + found.getFirst().encoding().label(),
                    "store plain numbers; gust dequantize restores them");
        }
        return found.getFirst().stored().getFirst();
    }

    /** As {@link #input}, or nothing if no tensor has that name. */
    static Optional<TensorInfo> optional(Models model, String wanted) {
        boolean there = model.logical().tensors().stream()
                .anyMatch(t -> t.name().substring(t.name().lastIndexOf('.') + 1).equals(wanted));
        return there ? Optional.of(input(model, wanted)) : Optional.empty();
    }

    /** A tensor's values as float32, in memory of the arena unless they lie so in the file. */
    static MemorySegment floats(TensorSource source, TensorInfo info, Arena arena) {
        TensorCodec codec = Codecs.of(info.dtype())
                .filter(_ -> info.dtype().kind() == DType.Kind.FLOAT)
                .orElseThrow(() -> InputException.ofTensor(
                        source.location(),
                        info.name(),
                        "is " + info.dtype() + ", not a float type",
                        "store it as F32"));
        try (Tensor tensor = source.open(info.name())) {
            if (info.dtype() == DType.F32) {
                return tensor.data();
            }
            long count = info.shape().elements();
            MemorySegment floats = arena.allocate(Math.max(1, count) * Float.BYTES, 64);
            codec.decode(tensor.data(), 0, floats, 0, count);
            return floats.asSlice(0, count * Float.BYTES);
        }
    }

    /** The values of a tensor of that shape as float32; nothing if no tensor has that name. */
    static MemorySegment optional(Models model, String wanted, Arena arena, long... dims) {
        Optional<TensorInfo> info = optional(model, wanted);
        if (info.isEmpty()) {
            return MemorySegment.NULL;
        }
        if (!is(info.get(), dims)) {
            throw InputException.ofTensor(
                    model.input().source().location(),
                    info.get().name(),
                    "is " + info.get().shape(),
                    "make it " + Shape.of(dims));
        }
        return floats(model.input().source(), info.get(), arena);
    }

    /** Whether a tensor has that shape. */
    static boolean is(TensorInfo info, long... dims) {
        return info.shape().equals(Shape.of(dims));
    }

    /** Memory for a result. */
    static MemorySegment room(TensorInfo info, Arena arena) {
        return arena.allocate(Math.max(1, info.byteSize()), 64).asSlice(0, info.byteSize());
    }

    /** An attribute that is a number. */
    static double number(Map<String, String> attributes, String key, double otherwise) {
        String value = attributes.getOrDefault(key, String.valueOf(otherwise));
        try {
            double number = Double.parseDouble(value);
            if (Double.isFinite(number)) {
                return number;
            }
        } catch (NumberFormatException e) {
            // Said below.
        }
        throw new UsageException("attribute " + key + " is '" + value + "'", "set a number");
    }

    /** An attribute that is one of a few words; the first is the default. */
    static String choice(Map<String, String> attributes, String key, String... words) {
        String value = attributes.getOrDefault(key, words[0]);
        if (!List.of(words).contains(value)) {
            throw new UsageException(
                    "attribute " + key + " is '" + value + "'", "set it to " + String.join(" or ", words));
        }
        return value;
    }

    /** An attribute that is a whole number; its range is for others to look at. */
    static int whole(Map<String, String> attributes, String key, int otherwise) {
        String value = attributes.getOrDefault(key, String.valueOf(otherwise));
        try {
            return Integer.parseInt(value);
        } catch (NumberFormatException e) {
            throw new UsageException("attribute " + key + " is '" + value + "'", "set a whole number");
        }
    }

    /** Refuses attributes that say nothing to what is run. */
    static void refuse(Map<String, String> attributes, String what, String... keys) {
        for (String key : keys) {
            if (attributes.containsKey(key)) {
                throw new UsageException(what + " has no attribute '" + key + "'", "leave it out");
            }
        }
    }

    /** Which kernels the attribute {@code kernels} asks for. */
    static Optional<KernelStyle> style(Map<String, String> attributes) {
        return switch (choice(attributes, "kernels", "auto", "portable", "tuned")) {
            case "portable" -> Optional.of(KernelStyle.PORTABLE);
            case "tuned" -> Optional.of(KernelStyle.TUNED);
            default -> Optional.empty();
        };
    }
}
