package dev.gust.runtime.attention;

import java.util.HashMap;
import java.util.Map;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.function.DoubleUnaryOperator;

/** Draws the tensors of a case, seeded, as flash-linear-attention's tests do. */
public final class CaseInputs {
    /** Rules whose keys must not be longer than 1, lest their states grow without bound. */
    private static final Set<String> UNIT_KEYS = Set.of(
            "delta",
            "delta-neg-eig",
            "gated-delta",
            "kda",
            "gated-delta-2",
            "delta-product",
            "comba",
            "preconditioned-delta",
            "online-scaled-delta");

    private final GridRow row;
    private final CaseShape shape;
    private final SplittableRandom random;
    private final Map<String, float[]> tensors = new HashMap<>();

    private CaseInputs(GridRow row, long seed) {
        this.row = row;
        this.shape = row.shape();
        this.random = new SplittableRandom(seed);
    }

    /** The row's case: same row and seed, same values. */
    public static AttentionCase draw(GridRow row, long seed) {
        return new CaseInputs(row, seed).draw();
    }

    /** A case of a rule's defaults: scale 1/√K, gates logsigmoid(randn), an initial state. */
    public static AttentionCase draw(String rule, CaseShape shape, long seed) {
        return draw(GridRow.of(rule, shape), seed);
    }

    private AttentionCase draw() {
        int steps = Integer.parseInt(row.attributes().getOrDefault("steps", "1"));
        boolean unit = UNIT_KEYS.contains(row.rule()) && !row.qkL2norm();
        boolean diagonal = Set.of("hgrn", "dlr", "lssl").contains(row.rule());
        if (!diagonal) {
            put("q", vectors(tokens() * shape.h(), shape.k(), unit));
            put("k", vectors(tokens() * steps * shape.h(), shape.k(), unit));
            put("v", normal(tokens() * steps * shape.hv() * shape.v(), x -> x));
        }
        gates(steps);
        Map<String, String> attributes = new HashMap<>(row.attributes());
        if (row.initialState()) {
            put("initial_state", normal(shape.sequences() * shape.hv() * shape.k() * shape.v(), x -> x));
            carried();
        }
        if (row.rule().equals("log-linear")) {
            attributes.put("levels", String.valueOf(levels()));
        }
        double scale = row.scale().orElse(1 / Math.sqrt(shape.k()));
        return new AttentionCase(row.rule(), shape, scale, row.qkL2norm(), row.map(), tensors, attributes);
    }

    private void gates(int steps) {
        int scalars = tokens() * shape.hv();
        int channels = scalars * shape.k();
        switch (row.rule()) {
            case "linear" -> {
                if (Boolean.parseBoolean(row.attributes().get("normalize"))) {
                    // Features are positive where they are normalised, as a feature map makes them.
                    tensors.computeIfPresent("q", (_, x) -> elu1(x));
                    tensors.computeIfPresent("k", (_, x) -> elu1(x));
                }
            }
            case "simple-gla" -> decay(scalars);
            case "gla", "hgrn2" -> decay(channels);
            case "delta" -> put("beta", sigmoids(scalars, 1));
            case "delta-neg-eig" -> put("beta", sigmoids(scalars, 2));
            case "gated-delta" -> {
                decay(scalars);
                put("beta", sigmoids(scalars, 1));
            }
            case "kda" -> {
                decay(channels);
                put("beta", sigmoids(scalars, 1));
            }
            case "gated-delta-2" -> {
                decay(channels);
                put("erase", sigmoids(channels, 1));
                put("write", sigmoids(scalars * shape.v(), 1));
            }
            case "delta-product" -> {
                decay(scalars);
                put("beta", sigmoids(scalars * steps, 1));
            }
            case "kaczmarz" -> {
                decay(scalars);
                put("eta", sigmoids(scalars, 1));
            }
            case "comba" -> {
                decay(scalars);
                put("beta", sigmoids(scalars, 1));
                put("p", scaled(tensors.getOrDefault("k", new float[0]), 0.7f));
            }
            case "preconditioned-delta" -> {
                decay(scalars);
                put("beta", sigmoids(scalars, 1));
                put("precond", normal(channels, r -> Math.pow(1.5, -r / (1 + Math.abs(r)))));
            }
            case "online-scaled-delta" -> put("beta", sigmoids(scalars, 1));
            case "rwkv6" -> {
                decay(channels);
                put("u", normal(shape.hv() * shape.k(), x -> x));
            }
            case "dplr", "rwkv7" -> lowRank(scalars, channels);
            case "mlstm" -> {
                double spread = row.gates().kind() == CaseGates.Kind.LOG_SIGMOID ? 1 : 25;
                put("i", normal(scalars, x -> spread * x));
                put("f", normal(scalars, x -> spread * x + 3));
            }
            case "log-linear" -> {
                decay(scalars);
                put("level_scales", sigmoids(scalars * levels(), 1));
            }
            case "hgrn" -> {
                decay(scalars * shape.v());
                put("x", normal(scalars * shape.v(), x -> x));
            }
            case "dlr" -> {
                put("u", normal(scalars, x -> x));
                put("lambda", normal(shape.hv() * shape.k(), x -> 0.3 * x));
                put("omega", normal(shape.hv() * shape.k(), x -> 3 * x));
                put("w_re", normal(shape.hv() * shape.k(), x -> x));
                put("w_im", normal(shape.hv() * shape.k(), x -> x));
            }
            case "lssl" -> {
                put("u", normal(scalars, x -> x));
                put("a", DiagonalOracles.legs(shape.k()));
                float[] b = new float[shape.k()];
                for (int n = 0; n < b.length; n++) {
                    b[n] = (float) Math.sqrt(2 * n + 1.0);
                }
                put("b", b);
                put("c", normal(shape.hv() * shape.k(), x -> x));
                put("d", normal(shape.hv(), x -> x));
                put("dt", normal(shape.hv(), x -> Math.exp(-3 + x)));
            }
            default -> {}
        }
    }

    /** RWKV-7's removal key and learning rate, and what they are for the general rule: a = −κ, b = κ ∘ rate. */
    private void lowRank(int scalars, int channels) {
        if (row.gates().kind() == CaseGates.Kind.LOG_SIGMOID && row.gates().maskP() == 0) {
            put("g", normal(channels, x -> -0.606531 * Dense.sigmoid(x)));
        } else {
            decay(channels);
        }
        float[] removal = vectors(scalars, shape.k(), true);
        float[] rate = sigmoids(channels, 1);
        if (row.rule().equals("rwkv7")) {
            put("kk", removal);
            put("rate", rate);
        } else {
            float[] b = new float[channels];
            for (int i = 0; i < channels; i++) {
                b[i] = removal[i] * rate[i];
            }
            put("a", scaled(removal, -1));
            put("b", b);
        }
    }

    private void carried() {
        int heads = shape.sequences() * shape.hv();
        switch (row.rule()) {
            case "linear" -> {
                if (Boolean.parseBoolean(row.attributes().get("normalize"))) {
                    put("initial_z", elu1(normal(heads * shape.k(), x -> x)));
                }
            }
            case "lightnet" -> put("initial_z", normal(heads * shape.k(), x -> x));
            case "mlstm" -> {
                put("initial_z", normal(heads * shape.k(), x -> x));
                put("initial_m", normal(heads, x -> x));
            }
            case "dlr" -> put("initial_imag", normal(heads * shape.k(), x -> x));
            default -> {}
        }
    }

    private int levels() {
        int longest = 0;
        int[] bounds = shape.bounds();
        for (int i = 1; i < bounds.length; i++) {
            longest = Math.max(longest, bounds[i] - bounds[i - 1]);
        }
        return LogLinearOracle.levels(longest);
    }

    private int tokens() {
        return shape.b() * shape.t();
    }

    private void put(String name, float[] values) {
        tensors.put(name, values);
    }

    private void decay(int count) {
        put("g", row.gates().draw(random, count));
    }

    private float[] sigmoids(int count, double top) {
        return normal(count, x -> top * Dense.sigmoid(x));
    }

    private float[] normal(int count, DoubleUnaryOperator map) {
        float[] values = new float[count];
        for (int i = 0; i < count; i++) {
            values[i] = (float) map.applyAsDouble(random.nextGaussian());
        }
        return values;
    }

    private float[] vectors(int count, int size, boolean unit) {
        float[] values = normal(count * size, x -> x);
        if (unit) {
            CaseChanges.normalise(values, size);
        }
        return values;
    }

    private static float[] elu1(float[] values) {
        float[] mapped = new float[values.length];
        for (int i = 0; i < mapped.length; i++) {
            mapped[i] = values[i] > 0 ? values[i] + 1 : (float) Math.exp(values[i]);
        }
        return mapped;
    }

    private static float[] scaled(float[] values, float factor) {
        float[] scaled = new float[values.length];
        for (int i = 0; i < scaled.length; i++) {
            scaled[i] = values[i] * factor;
        }
        return scaled;
    }
}
