package dev.gust.quantization.pipeline;

import dev.gust.formats.tensor.DType;
import dev.gust.formats.weight.LogicalTensor;
import dev.gust.formats.weight.TensorEncoding;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.regex.Pattern;

/**
 * Which tensors are quantized: two-dimensional float weights, without embeddings, norms, biases and the output head,
 * whose errors cost more than their bytes. Names can be included and excluded; excluding wins.
 *
 * @param include patterns of names to quantize though the rule would not; {@code *} and {@code ?} match any characters,
 *     dots among them
 * @param exclude patterns of names to leave as they are
 */
public record TensorSelection(List<String> include, List<String> exclude) {
    /** The rule alone. */
    public static final TensorSelection STANDARD = new TensorSelection(List.of(), List.of());

    /** A name is split where its parts begin: dots, slashes, and underscores are left alone. */
    private static final Pattern SEPARATOR = Pattern.compile("[./]");

    public TensorSelection {
        include = List.copyOf(include);
        exclude = List.copyOf(exclude);
    }

    /** Why that tensor is to be left as it is; empty if it is to be quantized. */
    public Optional<String> exemption(LogicalTensor tensor) {
        String name = tensor.name();
        if (!isFloat(tensor)) {
            return Optional.of("not a float tensor");
        }
        if (exclude.stream().anyMatch(p -> matches(p, name))) {
            return Optional.of("excluded by name");
        }
        if (tensor.shape().rank() < 2) {
            return Optional.of("fewer than two dimensions");
        }
        if (include.stream().anyMatch(p -> matches(p, name))) {
            return Optional.empty();
        }
        if (tensor.shape().rank() > 2) {
            return Optional.of("more than two dimensions");
        }
        return byRole(name);
    }

    private static boolean isFloat(LogicalTensor tensor) {
        return tensor.encoding() instanceof TensorEncoding.Plain(var dtype)
                && (dtype == DType.F32 || dtype == DType.F16 || dtype == DType.BF16 || dtype == DType.F64);
    }

    private static Optional<String> byRole(String name) {
        String[] parts = SEPARATOR.split(name, -1);
        for (String part : parts) {
            String p = part.toLowerCase(Locale.ROOT);
            if (p.equals("bias") || p.endsWith("_bias")) {
                return Optional.of("bias");
            }
            if (p.contains("embed")
                    || p.equals("wte")
                    || p.equals("wpe")
                    || p.endsWith("_embd")
                    || p.equals("token_types")) {
                return Optional.of("embedding");
            }
            if (p.contains("norm") || p.equals("ln") || p.startsWith("ln_")) {
                return Optional.of("norm");
            }
            if (p.equals("lm_head") || p.equals("embed_out")) {
                return Optional.of("output head");
            }
        }
        // GGUF's and some checkpoints' head is the whole name; attention's "output" has a layer before it.
        return name.equals("output.weight") || name.equals("head.weight") || name.equals("score.weight")
                ? Optional.of("output head")
                : Optional.empty();
    }

    /** Whether a matrix of that name is a table or a norm: no linear layer, which an engine could take for quantized. */
    static boolean isNoLinear(String name) {
        return byRole(name).filter(r -> !r.equals("output head")).isPresent();
    }

    private static boolean matches(String glob, String name) {
        var regex = new StringBuilder();
        glob.codePoints().forEach(c -> {
            switch (c) {
                case '*' -> regex.append(".*");
                case '?' -> regex.append('.');
                default -> regex.append(Pattern.quote(Character.toString(c)));
            }
        });
        return Pattern.compile(regex.toString(), Pattern.DOTALL).matcher(name).matches();
    }
}
