package dev.gust.runtime.attention;

import java.util.HashMap;
import java.util.Map;
import java.util.SplittableRandom;

/** Cases made from cases: narrower types, repeated keys, a part of the tokens. */
public final class CaseChanges {
    /** A 16-bit type that values are rounded to, to nearest even. */
    public enum Half {
        F16,
        BF16;

        public float round(float value) {
            if (this == F16) {
                return Float.float16ToFloat(Float.floatToFloat16(value));
            }
            int bits = Float.floatToRawIntBits(value);
            return Float.isNaN(value) ? value : Float.intBitsToFloat(bits + 0x7fff + (bits >>> 16 & 1) & 0xffff_0000);
        }
    }

    /** What becomes of a value. */
    interface FloatChange {
        float of(float value);
    }

    private CaseChanges() {}

    /** The case with all values but what it carries rounded to 16 bits. */
    public static AttentionCase rounded(AttentionCase call, Half type) {
        Map<String, float[]> tensors = new HashMap<>();
        call.tensors()
                .forEach((name, values) ->
                        tensors.put(name, name.startsWith("initial_") ? values : map(values, type::round)));
        return call.withTensors(tensors);
    }

    /**
     * The case with almost the same key for every token, as repeated tokens and padding give: unit(k0 + noise · randn),
     * and beta the same for all. This is what an unstable triangular inverse fails on (specification, 2.8).
     *
     * @param beta up to 2
     */
    public static AttentionCase withRepeatedKeys(AttentionCase call, double noise, double beta, long seed) {
        SplittableRandom random = new SplittableRandom(seed);
        int size = call.shape().k();
        float[] k = call.tensor("k").clone();
        int heads = call.shape().h();
        float[] common = new float[heads * size];
        for (int i = 0; i < common.length; i++) {
            common[i] = (float) random.nextGaussian();
        }
        for (int i = 0; i < k.length; i++) {
            k[i] = (float) (common[i % common.length] + noise * random.nextGaussian());
        }
        normalise(k, size);
        AttentionCase changed = call.with("k", k);
        for (String strength : new String[] {"beta", "eta"}) {
            if (call.tensors().containsKey(strength)) {
                changed = changed.with(strength, map(call.tensor(strength), _ -> (float) beta));
            }
        }
        return changed;
    }

    /** Divides each of consecutive vectors by its length. */
    static void normalise(float[] values, int size) {
        for (int first = 0; first < values.length; first += size) {
            double squares = 0;
            for (int i = first; i < first + size; i++) {
                squares += (double) values[i] * values[i];
            }
            for (int i = first; i < first + size; i++) {
                values[i] = (float) (values[i] / Math.sqrt(squares));
            }
        }
    }

    /** Tokens {@code from} to {@code to} of every sequence of a case of equal sequences, with nothing carried. */
    public static AttentionCase tokens(AttentionCase call, int from, int to) {
        CaseShape shape = call.shape();
        if (!shape.cuSeqlens().isEmpty()) {
            throw new IllegalArgumentException("only sequences of equal length are cut: " + call);
        }
        Map<String, float[]> tensors = new HashMap<>();
        call.tensors().forEach((name, values) -> {
            if (!name.startsWith("initial_")) {
                tensors.put(name, isPerToken(call.rule(), name) ? cut(values, shape, from, to) : values);
            }
        });
        return new AttentionCase(
                call.rule(),
                shape.withTokens(to - from),
                call.scale(),
                call.qkL2norm(),
                call.map(),
                tensors,
                call.attributes());
    }

    /** The second case, carrying what the first left behind. */
    public static AttentionCase resumed(AttentionCase second, OracleResult first) {
        AttentionCase call = second.with("initial_state", narrowed(first.finalState()));
        for (Map.Entry<String, double[]> extra : first.extras().entrySet()) {
            call = call.with("initial_" + extra.getKey(), narrowed(extra.getValue()));
        }
        return call;
    }

    /** Whether a tensor has entries for each token, and not for all of them together. */
    private static boolean isPerToken(String rule, String name) {
        return switch (rule) {
            case "rwkv6" -> !name.equals("u");
            case "dlr", "lssl" -> name.equals("u");
            default -> true;
        };
    }

    private static float[] cut(float[] values, CaseShape shape, int from, int to) {
        int perToken = values.length / (shape.b() * shape.t());
        int length = (to - from) * perToken;
        float[] part = new float[shape.b() * length];
        for (int i = 0; i < shape.b(); i++) {
            System.arraycopy(values, (i * shape.t() + from) * perToken, part, i * length, length);
        }
        return part;
    }

    static float[] narrowed(double[] values) {
        float[] narrow = new float[values.length];
        for (int i = 0; i < narrow.length; i++) {
            narrow[i] = (float) values[i];
        }
        return narrow;
    }

    static float[] map(float[] values, FloatChange function) {
        float[] mapped = new float[values.length];
        for (int i = 0; i < mapped.length; i++) {
            mapped[i] = function.of(values[i]);
        }
        return mapped;
    }
}
