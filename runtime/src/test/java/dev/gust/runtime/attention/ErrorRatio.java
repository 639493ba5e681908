package dev.gust.runtime.attention;

/**
 * The measure that results are compared by: RMSE(expected − actual) / (RMS(expected) + 1e-8)
 * (linear-attention specification, 4.1).
 */
public final class ErrorRatio {
    /** Differences that pass whatever their ratio is. */
    private static final double ABSOLUTE = 1e-6;

    private ErrorRatio() {}

    /** The ratio over the finite values: infinite ones have to be the same on both sides. NaN where either has one. */
    public static double of(double[] expected, float[] actual) {
        return of(expected, widened(actual));
    }

    public static double of(double[] expected, double[] actual) {
        sameLength(expected.length, actual.length);
        double errors = 0;
        double squares = 0;
        for (int i = 0; i < expected.length; i++) {
            boolean infinite = Double.isInfinite(expected[i]);
            errors += infinite && expected[i] == actual[i] ? 0 : Math.pow(expected[i] - actual[i], 2);
            squares += infinite ? 0 : expected[i] * expected[i];
        }
        int count = Math.max(1, expected.length);
        return Math.sqrt(errors / count) / (Math.sqrt(squares / count) + 1e-8);
    }

    /** The largest difference; NaN where there is one on either side. */
    public static double maximum(double[] expected, double[] actual) {
        sameLength(expected.length, actual.length);
        double largest = 0;
        for (int i = 0; i < expected.length; i++) {
            double error = expected[i] == actual[i] ? 0 : Math.abs(expected[i] - actual[i]);
            largest = Math.max(largest, error);
        }
        return largest;
    }

    /** Fails unless actual is within a tolerance of expected, or nowhere further than 1e-6 from it. */
    public static void assertClose(String what, double[] expected, float[] actual, Tolerance tolerance) {
        assertClose(what, expected, widened(actual), tolerance.ratio());
    }

    public static void assertClose(String what, double[] expected, double[] actual, double ratio) {
        sameLength(expected.length, actual.length);
        for (int i = 0; i < expected.length; i++) {
            if (Double.isNaN(expected[i]) || Double.isNaN(actual[i])) {
                throw new AssertionError(what + "[" + i + "]: expected " + expected[i] + ", got " + actual[i]);
            }
        }
        if (maximum(expected, actual) <= ABSOLUTE) {
            return;
        }
        double found = of(expected, actual);
        if (!(found < ratio)) {
            throw new AssertionError(
                    what + ": error ratio " + found + ", allowed " + ratio + "; worst at " + worst(expected, actual));
        }
    }

    private static String worst(double[] expected, double[] actual) {
        int worst = 0;
        for (int i = 1; i < expected.length; i++) {
            if (Math.abs(expected[i] - actual[i]) > Math.abs(expected[worst] - actual[worst])) {
                worst = i;
            }
        }
        return "[" + worst + "]: expected " + expected[worst] + ", got " + actual[worst];
    }

    private static double[] widened(float[] values) {
        double[] widened = new double[values.length];
        for (int i = 0; i < widened.length; i++) {
            widened[i] = values[i];
        }
        return widened;
    }

    private static void sameLength(int expected, int actual) {
        if (expected != actual) {
            throw new AssertionError("expected " + expected + " values, got " + actual);
        }
    }
}
