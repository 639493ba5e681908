package dev.gust.runtime.attention;

import dev.gust.formats.UsageException;

/** Which head of q and k a head of v uses, where v has more heads. */
public enum HeadMap {
    /** Value head h uses head h / (HV / H): flash-linear-attention and ONNX. */
    INTERLEAVED,
    /** Value head h uses head h mod H: ggml's GATED_DELTA_NET. */
    TILED;

    /**
     * The map of that name.
     *
     * @throws UsageException if there is none
     */
    public static HeadMap parse(String name) {
        return switch (name) {
            case "interleaved" -> INTERLEAVED;
            case "tiled" -> TILED;
            default -> throw new UsageException("there is no head map '" + name + "'", "set interleaved or tiled");
        };
    }

    /** The head, of {@code heads}, that value head {@code valueHead} of {@code valueHeads} uses. */
    public int head(int valueHead, int valueHeads, int heads) {
        return this == TILED ? valueHead % heads : valueHead / (valueHeads / heads);
    }

    /** The first value head that uses head {@code head} of {@code heads}. */
    int firstUser(int head, int valueHeads, int heads) {
        return this == TILED ? head : head * (valueHeads / heads);
    }

    /** From a value head to the next that uses the same head of {@code heads}. */
    int userStride(int heads) {
        return this == TILED ? heads : 1;
    }
}
