package dev.gust.runtime.hybrid;

import dev.gust.formats.InputException;
import dev.gust.formats.UsageException;
import dev.gust.formats.tensor.Shape;
import dev.gust.runtime.device.Device;
import dev.gust.runtime.featuremap.FeatureMap;
import dev.gust.runtime.featuremap.MapName;
import dev.gust.runtime.featuremap.MapOptions;
import dev.gust.runtime.featuremap.MapWeight;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import java.util.Map;
import java.util.Optional;

/**
 * What a rule is made ready with.
 *
 * @param where what errors name
 * @param shapes of the tensors that are given; those with tokens as in the largest call
 * @param weights values of those that belong to the model
 * @param sequences most sequences in one call
 */
record HybridSetup(
        HybridRule rule,
        Map<String, String> attributes,
        Device device,
        int threads,
        String where,
        Map<String, Shape> shapes,
        Map<String, MemorySegment> weights,
        int sequences) {
    /** Far more than any model asks for. */
    private static final int MOST = 1 << 20;

    boolean has(String name) {
        return shapes.containsKey(name);
    }

    /** A tensor's shape. */
    Shape shape(String name, int rank) {
        Shape shape = shapes.get(name);
        if (shape == null) {
            throw InputException.ofTensor(where, name, "is missing", "rule " + rule.label() + " needs it");
        }
        boolean counts = shape.rank() == rank;
        for (int d = 0; counts && d < rank; d++) {
            counts = shape.dim(d) <= MOST * 256L && (shape.dim(d) > 0 || d < 2);
        }
        if (!counts) {
            throw InputException.ofTensor(where, name, "is " + shape, "give it " + rank + " dimensions");
        }
        return shape;
    }

    /** A dimension of a matrix, of which there is at least one. */
    int size(String name, int dimension) {
        long size = shape(name, 2).dim(dimension);
        if (size < 1 || size > MOST) {
            throw InputException.ofTensor(where, name, "is " + shape(name, 2), "give it rows and columns");
        }
        return (int) size;
    }

    /** Checks a tensor's shape. */
    void require(String name, long... dims) {
        Shape wanted = Shape.of(dims);
        if (!shape(name, dims.length).equals(wanted)) {
            throw InputException.ofTensor(where, name, "is " + shape(name, dims.length), "make it " + wanted);
        }
    }

    /** As {@link #require}, if it is there. */
    void requireIfThere(String name, long... dims) {
        if (has(name)) {
            require(name, dims);
        }
    }

    /** B · T. */
    int tokens(String name) {
        Shape shape = shapes.get(name);
        if (shape == null || shape.rank() < 3 || shape.dim(1) > Integer.MAX_VALUE / 4 / Math.max(1, shape.dim(0))) {
            throw InputException.ofTensor(where, name, "is " + shape, "give it [B, T, ...] with 2^29 tokens at most");
        }
        return (int) (shape.dim(0) * shape.dim(1));
    }

    /** Sizes of q [B,T,H,D], k [B,T,HKV,D] and v [B,T,HKV,V], which are checked to fit together. */
    AttendSizes grouped() {
        Shape q = shape("q", 4);
        Shape k = shape("k", 4);
        Shape v = shape("v", 4);
        require("k", q.dim(0), q.dim(1), k.dim(2), q.dim(3));
        require("v", q.dim(0), q.dim(1), k.dim(2), v.dim(3));
        return AttendSizes.of(tokens("q"), (int) q.dim(2), (int) k.dim(2), (int) q.dim(3), (int) v.dim(3));
    }

    /** A weight's values, or so many ones. */
    float[] floats(String name, int otherwise) {
        return floatsOr(name, otherwise, 1);
    }

    /** A weight's values, or {@code count} times a value. */
    float[] floatsOr(String name, int count, float value) {
        MemorySegment values = weights.get(name);
        if (values == null) {
            float[] alike = new float[count];
            Arrays.fill(alike, value);
            return alike;
        }
        return values.toArray(ValueLayout.JAVA_FLOAT_UNALIGNED);
    }

    /** A map of rows of x [B, T, H, D], by weights [H, E, D] if they are there. */
    FeatureMap map(MapName name, Shape x, String weight) {
        if (has(weight)) {
            require(weight, x.dim(2), shape(weight, 3).dim(1), x.dim(3));
        }
        return FeatureMap.of(where, name, MapOptions.DEFAULT, x, mapWeight(weight), Optional.empty());
    }

    private Optional<MapWeight> mapWeight(String name) {
        return Optional.ofNullable(weights.get(name)).map(values -> new MapWeight(name, shape(name, 3), values));
    }

    int count(String key, int otherwise, int most) {
        double value = number(key, otherwise);
        if (value != Math.rint(value) || value < 1 || value > most) {
            throw new UsageException("attribute " + key + " is '" + attributes.get(key) + "'", "set 1 … " + most);
        }
        return (int) value;
    }

    int window() {
        return count("window", 64, MOST);
    }

    double number(String key, double otherwise) {
        String value = attributes.get(key);
        if (value == null) {
            return otherwise;
        }
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

    double positive(String key, double otherwise) {
        double value = number(key, otherwise);
        if (!(value > 0)) {
            throw new UsageException("attribute " + key + " is '" + attributes.get(key) + "'", "set a positive number");
        }
        return value;
    }

    /** One of two words, of which the first is the default. */
    boolean isSecond(String key, String first, String second) {
        String value = attributes.getOrDefault(key, first);
        if (!value.equals(first) && !value.equals(second)) {
            throw new UsageException("attribute " + key + " is '" + value + "'", "set " + first + " or " + second);
        }
        return value.equals(second);
    }
}
