package dev.gust.runtime.featuremap;

import dev.gust.kernels.featuremap.MapCode;
import java.util.Arrays;

/** A stage on rows in Java arrays. */
interface RowStage {
    /**
     * Runs it.
     *
     * @param origin the map's input
     * @param x this stage's input
     * @param first number of the first row, which says its head
     * @param out receives rows; like the others longer than they are by a vector
     */
    void run(float[] origin, float[] x, long first, int rows, float[] out);

    /**
     * The stage's form for the device jvm.
     *
     * @param originWidth width of the map's input
     */
    static RowStage of(Stage stage, int originWidth) {
        return switch (stage) {
            case Stage.Normalise s -> (origin, x, first, rows, out) -> normalise(s, x, rows, out);
            case Stage.Project s -> new ProjectRows(s);
            case Stage.Pointwise s -> (origin, x, first, rows, out) -> pointwise(s, x, rows * s.width(), out);
            case Stage.Exponential s -> new ExponentialRows(s, originWidth);
            case Stage.Product s -> new ProductRows(s);
        };
    }

    private static void pointwise(Stage.Pointwise stage, float[] x, int length, float[] out) {
        switch (stage.code()) {
            case MapCode.IDENTITY -> System.arraycopy(x, 0, out, 0, length);
            case MapCode.ELU1 -> MapLoops.elu1(x, length, out);
            case MapCode.RELU -> MapLoops.relu(x, length, out);
            case MapCode.EXP -> MapLoops.exp(x, length, out);
            case MapCode.SQUARED_RELU -> MapLoops.squaredRelu(x, length, out);
            case MapCode.GELU -> MapLoops.gelu(x, length, out);
            case MapCode.SWISH -> MapLoops.swish(x, length, out);
            case MapCode.SIGMOID -> MapLoops.sigmoid(x, length, out);
            default -> throw new IllegalStateException("no pointwise map " + stage.code());
        }
    }

    private static void normalise(Stage.Normalise stage, float[] x, int rows, float[] out) {
        int width = stage.width();
        for (int row = 0; row < rows; row++) {
            int from = row * width;
            double mean = 0;
            double scale = 1;
            if (stage.centred()) {
                double sum = 0;
                for (int d = 0; d < width; d++) {
                    sum += x[from + d];
                }
                mean = sum / width;
                double squares = 0;
                for (int d = 0; d < width; d++) {
                    squares += (x[from + d] - mean) * (x[from + d] - mean);
                }
                scale = 1 / Math.sqrt(squares / width + Stage.Normalise.EPS);
            }
            for (int d = 0; d < width; d++) {
                float value = (float) ((x[from + d] - mean) * scale);
                out[from + d] = value * stage.affine()[d] + stage.affine()[width + d];
            }
        }
    }

    /** A linear map; rows of one head are taken by fours. */
    final class ProjectRows implements RowStage {
        private static final int ROWS = 4;

        private final Stage.Project stage;
        private final int stride;
        private final float[] w;
        private final float[] b;

        ProjectRows(Stage.Project stage) {
            this.stage = stage;
            this.stride = Math.ceilDiv(stage.width(), MapLoops.LANES) * MapLoops.LANES;
            this.w = padded(stage.w(), stage.heads() * stage.in());
            this.b = padded(stage.b(), stage.heads());
        }

        private float[] padded(float[] values, int rows) {
            float[] padded = new float[Math.multiplyExact(rows, stride)];
            for (int row = 0; row < rows; row++) {
                System.arraycopy(values, row * stage.width(), padded, row * stride, stage.width());
            }
            return padded;
        }

        @Override
        public void run(float[] origin, float[] x, long first, int rows, float[] out) {
            float[] sums = new float[ROWS * MapLoops.LANES];
            float[] rest = new float[ROWS * stage.in()];
            int heads = stage.heads();
            for (int start = 0; start < Math.min(heads, rows); start++) {
                int head = (int) ((first + start) % heads);
                for (int row = start; row < rows; row += ROWS * heads) {
                    int count = Math.min(ROWS, Math.ceilDiv(rows - row, heads));
                    if (count == ROWS) {
                        project(x, row * stage.in(), heads * stage.in(), head, sums, row, count, out);
                    } else {
                        for (int r = 0; r < count; r++) {
                            System.arraycopy(x, (row + r * heads) * stage.in(), rest, r * stage.in(), stage.in());
                        }
                        project(rest, 0, stage.in(), head, sums, row, count, out);
                    }
                }
            }
        }

        private void project(float[] x, int from, int step, int head, float[] sums, int row, int count, float[] out) {
            int width = stage.width();
            int at = head * stage.in() * stride;
            for (int e = 0; e < width; e += MapLoops.LANES) {
                MapLoops.project(x, from, step, stage.in(), w, at + e, stride, b, head * stride + e, sums);
                int columns = Math.min(MapLoops.LANES, width - e);
                for (int r = 0; r < count; r++) {
                    int to = (row + r * stage.heads()) * width + e;
                    System.arraycopy(sums, r * MapLoops.LANES, out, to, columns);
                }
            }
        }
    }

    /** Exponentials over rows. */
    record ExponentialRows(Stage.Exponential stage, int originWidth) implements RowStage {
        @Override
        public void run(float[] origin, float[] x, long first, int rows, float[] out) {
            int in = stage.in();
            int width = stage.width();
            for (int row = 0; row < rows; row++) {
                int from = row * in;
                int to = row * width;
                float most = MapLoops.greatest(x, from, in);
                if (!stage.hasBothHalves()) {
                    float sum = MapLoops.exponentials(x, from, in, 1, most, out, to);
                    MapLoops.scale(out, to, in, stage.mode() == MapCode.SHIFTED ? 1 : 1 / sum, stage.floor());
                    continue;
                }
                float gain = switch (stage.mode()) {
                    case MapCode.JOINT -> 2;
                    case MapCode.NORM_PRESERVED -> gain(origin, row * originWidth, originWidth, x, from, in);
                    default -> 1;
                };
                float shift = most * gain;
                float shiftBelow = -MapLoops.least(x, from, in) * gain;
                if (stage.mode() == MapCode.JOINT) {
                    shift = Math.max(shift, shiftBelow);
                    shiftBelow = shift;
                }
                float sum = MapLoops.exponentials(x, from, in, gain, shift, out, to);
                float sumBelow = MapLoops.exponentials(x, from, in, -gain, shiftBelow, out, to + in);
                if (stage.mode() == MapCode.JOINT) {
                    sum += sumBelow;
                    sumBelow = sum;
                }
                MapLoops.scale(out, to, in, 1 / sum, stage.floor());
                MapLoops.scale(out, to + in, in, 1 / sumBelow, stage.floor());
            }
        }

        /** ‖x‖ / ‖y‖; in float64 no square of a float overflows or vanishes. */
        private static float gain(float[] x, int xFrom, int xLength, float[] y, int yFrom, int yLength) {
            double norm = norm(y, yFrom, yLength);
            return norm == 0 ? 0 : (float) Math.min(norm(x, xFrom, xLength) / norm, 1e30);
        }

        private static double norm(float[] x, int from, int length) {
            double squares = 0;
            for (int i = 0; i < length; i++) {
                squares += (double) x[from + i] * x[from + i];
            }
            return Math.sqrt(squares);
        }
    }

    /** Products of pairs. */
    final class ProductRows implements RowStage {
        private final Stage.Product stage;
        private final int[] left;
        private final int[] right;
        private final int length;

        ProductRows(Stage.Product stage) {
            this.stage = stage;
            this.length = stage.mirror() == 0 ? stage.in() : 2 * stage.in();
            this.left = new int[stage.width()];
            this.right = new int[stage.width()];
            Arrays.setAll(left, c -> place(stage.pairs()[2 * c]));
            Arrays.setAll(right, c -> place(stage.pairs()[2 * c + 1]));
        }

        /** The number 1 lies behind the row. */
        private int place(int index) {
            return index < 0 ? length : index;
        }

        @Override
        public void run(float[] origin, float[] x, long first, int rows, float[] out) {
            float[] u = new float[length + 1];
            u[length] = 1;
            for (int row = 0; row < rows; row++) {
                int from = row * stage.in();
                for (int i = 0; i < stage.in(); i++) {
                    float value = x[from + i];
                    u[i] = stage.mirror() == 0 ? value : Math.max(value, 0);
                    if (stage.mirror() != 0) {
                        u[stage.in() + i] = stage.mirror() * Math.max(-value, 0);
                    }
                }
                MapLoops.products(u, left, right, stage.coefficients(), stage.width(), out, row * stage.width());
            }
        }
    }
}
