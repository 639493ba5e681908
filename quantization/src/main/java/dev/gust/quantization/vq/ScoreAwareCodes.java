package dev.gust.quantization.vq;

import java.lang.foreign.ValueLayout;
import java.util.Arrays;

/**
 * Product codes chosen for scores instead of for distances. A hidden state whose best tokens include row x points x's way, so
 * an error along x moves its score more than one of the same length across it. Codes of a row minimize |e|² + w (e·x/|x|)²
 * for e = x − what the codes stand for: the anisotropic loss of Guo et al. 2020 (ScaNN, arXiv 1908.10396, theorem 3.3), by
 * coordinate descent over the parts from the nearest entries, as there. Codebooks stay: moving them towards the rows that
 * chose them so made scores worse on real matrices.
 */
final class ScoreAwareCodes {
    /** After two passes few codes change. */
    private static final int PASSES = 2;

    /** Rows between two looks at whether to go on. */
    private static final int BLOCK = 1 << 14;

    private static final int GRAIN = 64;

    private final Vectors x;
    private final ProductQuantizer.Codes codes;
    private final float weight;
    /** [S·W][C]: entries side by side. */
    private final float[][] columns;

    private ScoreAwareCodes(Vectors x, ProductQuantizer.Codes codes, double weight) {
        this.x = x;
        this.codes = codes;
        this.weight = (float) weight;
        this.columns = new float[codes.parts() * codes.width()][codes.entries()];
        for (int part = 0; part < codes.parts(); part++) {
            for (int entry = 0; entry < codes.entries(); entry++) {
                for (int i = 0; i < codes.width(); i++) {
                    long at = ((long) part * codes.entries() + entry) * codes.width() + i;
                    columns[part * codes.width() + i][entry] = codes.codebooks().getAtIndex(Vectors.F32, at);
                }
            }
        }
    }

    /**
     * Chooses codes again, in place.
     *
     * @param x the rows that the codes are of
     * @param codes product codes: nearest entries
     * @param weight w, at least 0; 0 leaves all as it is
     * @return the same codes with their errors |e|²
     */
    static ProductQuantizer.Codes choose(TrainingRun run, Vectors x, ProductQuantizer.Codes codes, double weight) {
        if (weight == 0) {
            return codes;
        }
        var chosen = new ScoreAwareCodes(x, codes, weight);
        for (int first = 0; first < x.count(); first += BLOCK) {
            run.proceed();
            int start = first;
            int rows = Math.min(BLOCK, x.count() - first);
            run.forRows(rows, GRAIN, (from, end) -> chosen.rows(start + from, start + end));
            run.progress().advance("codes of rows", 4L * rows * x.length());
        }
        return codes.withError(Arrays.stream(codes.errors()).sum());
    }

    private void rows(long first, long end) {
        var row = new Row();
        for (long r = first; r < end; r++) {
            row.choose(r);
        }
    }

    /** One row at a time: its values, direction and codes, and room for the costs of a part's entries. */
    private final class Row {
        private final int width = codes.width();
        private final float[] loaded = new float[x.length()];
        private final float[] values = new float[codes.parts() * width];
        private final float[] direction = new float[values.length];
        private final int[] chosen = new int[codes.parts()];
        private final float[] distance = new float[codes.entries()];
        private final float[] along = new float[codes.entries()];

        void choose(long r) {
            x.load(r, loaded);
            System.arraycopy(loaded, 0, values, 0, loaded.length);
            double length = Math.sqrt(Vectors.squares(loaded));
            for (int i = 0; i < loaded.length; i++) {
                direction[i] = length == 0 ? 0 : (float) (loaded[i] / length);
            }
            for (int part = 0; part < chosen.length; part++) {
                chosen[part] = codes.codes().get(ValueLayout.JAVA_BYTE, r * chosen.length + part) & 0xFF;
            }
            boolean changed = true;
            for (int pass = 0; pass < PASSES && changed; pass++) {
                changed = pass();
            }
            for (int part = 0; part < chosen.length; part++) {
                codes.codes().set(ValueLayout.JAVA_BYTE, r * chosen.length + part, (byte) chosen[part]);
            }
            codes.errors()[(int) r] = error();
        }

        private boolean pass() {
            boolean changed = false;
            float whole = errorAlong();
            for (int part = 0; part < chosen.length; part++) {
                differences(part);
                float rest = whole - along[chosen[part]];
                int best = cheapest(rest);
                changed |= best != chosen[part];
                chosen[part] = best;
                whole = rest + along[best];
            }
            return changed;
        }

        /** For each entry of a part: its squared distance from the row's part, and the difference along the row. */
        private void differences(int part) {
            Arrays.fill(distance, 0);
            Arrays.fill(along, 0);
            for (int i = part * width; i < (part + 1) * width; i++) {
                add(values[i], direction[i], columns[i], distance, along);
            }
        }

        /** Plain arrays at one index, so that the compiler makes vectors of it. */
        private static void add(float value, float unit, float[] column, float[] distance, float[] along) {
            for (int entry = 0; entry < distance.length; entry++) {
                float difference = value - column[entry];
                distance[entry] += difference * difference;
                along[entry] += difference * unit;
            }
        }

        /** The entry of least cost, of equals the lowest; distances become costs. */
        private int cheapest(float rest) {
            addSquares(weight, rest, along, distance);
            int best = 0;
            float least = distance[0];
            for (int entry = 1; entry < distance.length; entry++) {
                if (distance[entry] < least) {
                    least = distance[entry];
                    best = entry;
                }
            }
            return best;
        }

        private static void addSquares(float weight, float rest, float[] along, float[] distance) {
            for (int entry = 0; entry < distance.length; entry++) {
                float all = rest + along[entry];
                distance[entry] += weight * all * all;
            }
        }

        private float errorAlong() {
            double sum = 0;
            for (int i = 0; i < values.length; i++) {
                sum += difference(i) * direction[i];
            }
            return (float) sum;
        }

        private double error() {
            double sum = 0;
            for (int i = 0; i < values.length; i++) {
                sum += difference(i) * difference(i);
            }
            return sum;
        }

        private double difference(int i) {
            return (double) values[i] - columns[i][chosen[i / width]];
        }
    }
}
