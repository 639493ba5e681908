package uk.ac.manchester.tornado.api.types;

/**
 * What Gust uses of TornadoVM's class of this name, which the API that it compiles against does not have yet. With an SDK its
 * own is loaded instead.
 */
public final class BFloat16 {
    private BFloat16() {}

    /**
     * The float32 whose upper half is given, the lower being zero. TornadoVM's CUDA backend makes it one reinterpretation of
     * bits, the only one that it has for a computed number.
     */
    public static float bf16ToFloat(short bits) {
        return Float.intBitsToFloat(bits << 16);
    }
}
