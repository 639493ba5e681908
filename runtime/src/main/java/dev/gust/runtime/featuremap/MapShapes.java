package dev.gust.runtime.featuremap;

import dev.gust.formats.InputException;
import dev.gust.formats.tensor.Shape;
import java.util.Optional;

/**
 * How x and a map's weights go together.
 *
 * @param width D
 * @param heads for which there are weights of their own; 1 if they are shared or there are none
 * @param rows rows of w for each head, E or 2E; D without weights
 */
record MapShapes(int width, int heads, int rows) {
    /** Wider rows are no attention head's, and tables for them would be beyond reason. */
    private static final long WIDEST = 1 << 16;

    /**
     * Fits them together.
     *
     * @throws InputException if they do not fit
     */
    static MapShapes of(String where, MapName map, Shape x, Optional<MapWeight> w, Optional<MapWeight> b) {
        long width = x.rank() == 0 ? 0 : x.columns();
        if (width < 1 || width > WIDEST) {
            throw InputException.ofTensor(
                    where, "x", "is " + x + ", rows of width " + width, "give it [..., D] with D of 1 … " + WIDEST);
        }
        return switch (map.weights()) {
            case NONE -> {
                w.or(() -> b).ifPresent(extra -> {
                    throw wrong(
                            where, extra, "is not for map " + map.label() + ", which has no weights", "leave it out");
                });
                yield new MapShapes((int) width, 1, (int) width);
            }
            case AFFINE -> {
                w.ifPresent(gamma -> requireShape(where, gamma, Shape.of(width)));
                b.ifPresent(beta -> requireShape(where, beta, Shape.of(width)));
                yield new MapShapes((int) width, 1, (int) width);
            }
            case OPTIONAL, NEEDED, PAIR -> linear(where, map, x, w, b);
        };
    }

    private static MapShapes linear(String where, MapName map, Shape x, Optional<MapWeight> w, Optional<MapWeight> b) {
        int width = (int) x.columns();
        boolean pair = map.weights() == MapName.Weights.PAIR;
        if (w.isEmpty()) {
            if (map.weights() != MapName.Weights.OPTIONAL || b.isPresent()) {
                throw InputException.ofTensor(
                        where,
                        "w",
                        "is missing; map " + map.label() + " needs it" + (b.isPresent() ? " beside b" : ""),
                        "give it [" + (pair ? "2E" : "E") + ", " + width + "]");
            }
            return new MapShapes(width, 1, width);
        }
        MapWeight weight = w.get();
        Shape shape = weight.shape();
        boolean perHead = shape.rank() == 3;
        long heads = perHead ? shape.dim(0) : 1;
        if (shape.rank() < 2 || shape.rank() > 3 || shape.columns() != width || shape.elements() == 0) {
            throw wrong(
                    where,
                    weight,
                    "is " + shape + ", which does not go with x " + x,
                    "make it [E, " + width + "], or [H, E, " + width + "] for x [..., H, " + width + "]");
        }
        if (perHead && (x.rank() < 2 || x.dim(x.rank() - 2) != heads)) {
            throw wrong(where, weight, "has " + heads + " heads, which x " + x + " has not", "make x [..., H, D]");
        }
        long rows = shape.dim(shape.rank() - 2);
        if (rows > WIDEST || shape.elements() > Integer.MAX_VALUE / 2) {
            throw wrong(
                    where,
                    weight,
                    "is " + shape + ", larger than maps are made for",
                    "give " + WIDEST + " rows at most");
        }
        if (pair && rows % 2 != 0) {
            throw wrong(
                    where,
                    weight,
                    "has " + rows + " rows, where map " + map.label() + " has two matrices",
                    "give an even number");
        }
        b.ifPresent(bias -> requireShape(where, bias, perHead ? Shape.of(heads, rows) : Shape.of(rows)));
        return new MapShapes(width, (int) heads, (int) rows);
    }

    private static void requireShape(String where, MapWeight weight, Shape shape) {
        if (!weight.shape().equals(shape)) {
            throw wrong(where, weight, "is " + weight.shape() + " where " + shape + " is wanted", "give it that shape");
        }
    }

    private static InputException wrong(String where, MapWeight weight, String reason, String remedy) {
        return InputException.ofTensor(where, weight.name(), reason, remedy);
    }
}
