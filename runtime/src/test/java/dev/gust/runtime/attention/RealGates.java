package dev.gust.runtime.attention;

import dev.gust.formats.safetensors.SafetensorsFile;
import dev.gust.formats.tensor.Tensor;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayList;
import java.util.List;

/**
 * Gates that were recorded from a model (specification, 4.5): some heads reset their state at every token.
 *
 * @param model qwen3_next (8 heads) or qwen3_5_0_8b (16 heads)
 * @param g natural logs of decays, [1, tokens, heads]
 * @param beta write strengths, [1, tokens, heads]
 * @param cuSeqlens bounds of the sequences
 */
@SuppressWarnings("ArrayRecordComponent") // never compared, and a copy would be waste
public record RealGates(String model, int heads, float[] g, float[] beta, List<Integer> cuSeqlens) {
    /** The models that gates were recorded from. */
    public static final List<String> MODELS = List.of("qwen3_next", "qwen3_5_0_8b");

    /** All of a model's gates. */
    public static RealGates of(String model) {
        try {
            Path file = Files.createTempFile("gates", ".safetensors");
            try {
                try (InputStream resource = RealGates.class.getResourceAsStream("/gates/gates.safetensors")) {
                    if (resource == null) {
                        throw new IllegalStateException("no recorded gates on the class path");
                    }
                    Files.copy(resource, file, StandardCopyOption.REPLACE_EXISTING);
                }
                return read(file, model);
            } finally {
                Files.delete(file);
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static RealGates read(Path path, String model) {
        try (SafetensorsFile file = SafetensorsFile.open(path);
                Tensor g = file.open(model + ".g");
                Tensor beta = file.open(model + ".beta");
                Tensor bounds = file.open(model + ".cu_seqlens")) {
            List<Integer> cuSeqlens = new ArrayList<>();
            for (int bound : bounds.data().toArray(ValueLayout.JAVA_INT_UNALIGNED)) {
                cuSeqlens.add(bound);
            }
            float[] gates = g.data().toArray(ValueLayout.JAVA_FLOAT_UNALIGNED);
            return new RealGates(
                    model,
                    gates.length / cuSeqlens.getLast(),
                    gates,
                    beta.data().toArray(ValueLayout.JAVA_FLOAT_UNALIGNED),
                    List.copyOf(cuSeqlens));
        }
    }

    /** The first tokens of each of the first sequences. */
    public RealGates first(int sequences, int tokens) {
        List<Integer> bounds = new ArrayList<>(List.of(0));
        float[] fewerG = new float[sequences * tokens * heads];
        float[] fewerBeta = new float[fewerG.length];
        for (int n = 0; n < sequences; n++) {
            int from = cuSeqlens.get(n) * heads;
            System.arraycopy(g, from, fewerG, n * tokens * heads, tokens * heads);
            System.arraycopy(beta, from, fewerBeta, n * tokens * heads, tokens * heads);
            bounds.add((n + 1) * tokens);
        }
        return new RealGates(model, heads, fewerG, fewerBeta, bounds);
    }

    /**
     * A case with these gates, and keys and values at random.
     *
     * @param rule one with a scalar g, or kda, which is given the same decay in every channel
     * @param size of keys and values
     */
    public AttentionCase draw(String rule, int size, long seed) {
        CaseShape shape = CaseShape.packed(cuSeqlens, heads, heads, size);
        AttentionCase call = CaseInputs.draw(GridRow.of(rule, shape), seed);
        if (call.tensors().containsKey("beta")) {
            call = call.with("beta", beta);
        }
        boolean perChannel = call.tensor("g").length != g.length;
        float[] gates = new float[call.tensor("g").length];
        for (int i = 0; i < gates.length; i++) {
            gates[i] = perChannel ? g[i / size] : g[i];
        }
        return call.with("g", gates);
    }
}
