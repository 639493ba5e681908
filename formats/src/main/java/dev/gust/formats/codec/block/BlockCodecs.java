package dev.gust.formats.codec.block;

import dev.gust.formats.codec.TensorCodec;
import dev.gust.formats.tensor.DType;
import java.util.Optional;

/** The codecs of GGUF's block types. */
public final class BlockCodecs {
    private BlockCodecs() {}

    /**
     * The codec of that block type. It decodes bit for bit as llama.cpp does, and encodes byte for byte as llama.cpp's
     * reference encoder does without an importance matrix. Non-finite values must have been refused before: they encode
     * to something, but to nothing meaningful.
     *
     * <p>Types that can only be decoded (see {@link #encodes}) throw {@link dev.gust.formats.UsageException} when asked
     * to encode.
     *
     * @return empty for types that are no blocks, for Q8_1 (which exists only while computing), and for IQ1 to IQ3,
     *     TQ1_0 and TQ2_0
     */
    public static Optional<TensorCodec> of(DType dtype) {
        return switch (dtype) {
            case Q4_0 -> Optional.of(new Q4_0Codec());
            case Q4_1 -> Optional.of(new Q4_1Codec());
            case Q5_0 -> Optional.of(new Q5_0Codec());
            case Q5_1 -> Optional.of(new Q5_1Codec());
            case Q8_0 -> Optional.of(new Q8_0Codec());
            case Q2_K -> Optional.of(new Q2KCodec());
            case Q3_K -> Optional.of(new Q3KCodec());
            case Q4_K -> Optional.of(new Q4KCodec());
            case Q5_K -> Optional.of(new Q5KCodec());
            case Q6_K -> Optional.of(new Q6KCodec());
            case Q8_K -> Optional.of(new Q8KCodec());
            case IQ4_NL -> Optional.of(new Iq4NlCodec());
            case IQ4_XS -> Optional.of(new Iq4XsCodec());
            case MXFP4 -> Optional.of(new Mxfp4Codec());
            case NVFP4 -> Optional.of(new Nvfp4Codec());
            default -> Optional.empty();
        };
    }

    /** Whether {@link #of} gives a codec for that type that encodes too. */
    public static boolean encodes(DType dtype) {
        return switch (dtype) {
            case Q4_0, Q4_1, Q5_0, Q5_1, Q8_0, Q4_K, Q6_K, MXFP4, NVFP4 -> true;
            default -> false;
        };
    }
}
