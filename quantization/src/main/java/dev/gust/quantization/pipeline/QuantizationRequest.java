package dev.gust.quantization.pipeline;

import dev.gust.formats.UsageException;
import dev.gust.formats.layout.Layout;
import dev.gust.formats.scheme.ScaleRule;
import dev.gust.formats.scheme.Scheme;
import dev.gust.formats.tensor.DType;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.stream.Stream;

/**
 * What to quantize to.
 *
 * @param aim the stored form of the weights
 * @param selection which weights
 */
public record QuantizationRequest(Aim aim, TensorSelection selection) {
    /** The stored form of quantized weights. */
    public sealed interface Aim {
        /** The scheme's name on the command line. */
        String label();

        /**
         * Codes and scales as tensors of their own.
         *
         * @param scheme the scheme
         * @param rule how MX scales are chosen; of no effect on other schemes
         * @param layout how the parts are named
         */
        record Parts(Scheme scheme, ScaleRule rule, Layout layout) implements Aim {
            @Override
            public String label() {
                return scheme.label();
            }
        }

        /**
         * Blocks of GGUF.
         *
         * @param dtype the block type
         */
        record Blocks(DType dtype) implements Aim {
            @Override
            public String label() {
                return dtype.name().toLowerCase(Locale.ROOT);
            }
        }
    }

    /** The block types that can be written. */
    private static final List<DType> BLOCKS = List.of(
            DType.Q8_0,
            DType.Q4_0,
            DType.Q4_1,
            DType.Q5_0,
            DType.Q5_1,
            DType.Q4_K,
            DType.Q6_K,
            DType.MXFP4,
            DType.NVFP4);

    /** Every name {@code --scheme} takes. */
    public static List<String> schemes() {
        return Stream.concat(
                        Arrays.stream(Scheme.values()).map(Scheme::label),
                        BLOCKS.stream().map(d -> d.name().toLowerCase(Locale.ROOT)))
                .distinct()
                .toList();
    }

    /**
     * Reads the names a user gives.
     *
     * @param scheme one of {@link #schemes()}
     * @param rule scale rule for MX schemes; empty for the usual one
     * @param layout layout; empty for compressed-tensors
     * @param target where the output goes: its kind decides between parts and blocks
     * @throws UsageException if they contradict each other
     */
    public static QuantizationRequest of(
            String scheme, Optional<ScaleRule> rule, Optional<Layout> layout, TensorSelection selection, Path target) {
        if (!schemes().contains(scheme)) {
            throw new UsageException(
                    "there is no scheme '" + scheme + "'", "choose one of " + String.join(", ", schemes()));
        }
        Optional<DType> block = BLOCKS.stream()
                .filter(d -> d.name().toLowerCase(Locale.ROOT).equals(scheme))
                .findFirst();
        if (Container.of(target) == Container.GGUF) {
            if (block.isEmpty()) {
                throw new UsageException(
                        "GGUF has no " + scheme,
                        "choose one of "
                                + String.join(
                                        ", ",
                                        BLOCKS.stream()
                                                .map(d -> d.name().toLowerCase(Locale.ROOT))
                                                .toList())
                                + ", or another kind of OUT");
            }
            if (layout.isPresent() || rule.isPresent()) {
                throw new UsageException(
                        "GGUF's blocks have one layout and llama.cpp's own scale rule",
                        "leave out --layout and --scale-rule");
            }
            return new QuantizationRequest(new Aim.Blocks(block.get()), selection);
        }
        Scheme parts = Scheme.byLabel(scheme)
                .orElseThrow(() ->
                        new UsageException(scheme + " is a block type of GGUF", "name an OUT that ends in .gguf"));
        if (rule.isPresent() && !parts.isMicroscaled()) {
            throw new UsageException("--scale-rule is for the mx schemes", "leave it out for " + scheme);
        }
        Layout chosen = layout.orElse(Layout.COMPRESSED_TENSORS);
        if (!chosen.stores(parts) || chosen == Layout.DEEPSEEK) {
            throw new UsageException(
                    "the " + chosen.label() + " layout has no " + scheme, "use --layout compressed-tensors");
        }
        return new QuantizationRequest(new Aim.Parts(parts, rule.orElse(ScaleRule.EVEN), chosen), selection);
    }
}
