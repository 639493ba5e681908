package dev.gust.runtime.attention;

/** The matrix LSTM with exponential or sigmoid input gates (linear-attention specification, 2.5). */
final class MlstmOracle {
    private MlstmOracle() {}

    /**
     * {@code input-gate=exp} (the default) or {@code sigmoid}. Carries z, the normaliser n; with exponential gates also
     * m, by whose power of e the state and z are divided. {@code eps} (1e-6) is added to the divisor.
     */
    static void run(OracleHead head, double[][] s) {
        if (head.attribute("input-gate", "exp").equals("sigmoid")) {
            sigmoid(head, s);
        } else {
            exponential(head, s);
        }
    }

    private static void exponential(OracleHead head, double[][] s) {
        double epsilon = Double.parseDouble(head.attribute("eps", "1e-6"));
        double[] z = head.carry("z", head.keySize(), 0);
        double[] m = head.carry("m", 1, Double.NEGATIVE_INFINITY);
        for (int t = 0; t < head.length(); t++) {
            double kept = Dense.logSigmoid(head.at("f", t)) + m[0];
            double input = head.at("i", t);
            double top = Math.max(kept, input);
            boolean empty = top == Double.NEGATIVE_INFINITY;
            update(head, s, z, t, empty ? 0 : Math.exp(kept - top), empty ? 0 : Math.exp(input - top));
            m[0] = top;
            double[] q = Dense.times(head.scale(), head.q(t));
            double over = Math.max(Math.abs(Dense.dot(z, q)), Math.exp(-top)) + epsilon;
            head.emit(t, Dense.times(1 / over, Dense.read(s, q)));
        }
    }

    /** With {@code normalize=true}, o is divided by max(|n·q|, 1) + eps. */
    private static void sigmoid(OracleHead head, double[][] s) {
        boolean normalize = Boolean.parseBoolean(head.attribute("normalize", "false"));
        double epsilon = Double.parseDouble(head.attribute("eps", "1e-6"));
        double[] z = head.carry("z", head.keySize(), 0);
        for (int t = 0; t < head.length(); t++) {
            update(head, s, z, t, Dense.sigmoid(head.at("f", t)), Dense.sigmoid(head.at("i", t)));
            double[] q = Dense.times(head.scale(), head.q(t));
            double over = normalize ? Math.max(Math.abs(Dense.dot(z, q)), 1) + epsilon : 1;
            head.emit(t, Dense.times(1 / over, Dense.read(s, q)));
        }
    }

    private static void update(OracleHead head, double[][] s, double[] z, int t, double forget, double input) {
        double[] k = head.k(t);
        Dense.scale(s, forget);
        Dense.addOuter(s, Dense.times(input, k), head.v(t));
        for (int i = 0; i < z.length; i++) {
            z[i] = forget * z[i] + input * k[i];
        }
    }
}
