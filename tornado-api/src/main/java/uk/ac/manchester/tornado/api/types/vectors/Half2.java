package uk.ac.manchester.tornado.api.types.vectors;

import uk.ac.manchester.tornado.api.types.HalfFloat;

/**
 * What Gust uses of TornadoVM's class of this name, whose conversions the API that it compiles against does not have yet.
 * With an SDK its own is loaded instead.
 */
public final class Half2 {
    private final HalfFloat x;
    private final HalfFloat y;

    /** Two 16-bit floats. */
    public Half2(HalfFloat x, HalfFloat y) {
        this.x = x;
        this.y = y;
    }

    /** The first as a float32; one instruction through TornadoVM's CUDA backend. */
    public static float lowFloat(Half2 pair) {
        return pair.x.getFloat32();
    }

    /** The second. */
    public static float highFloat(Half2 pair) {
        return pair.y.getFloat32();
    }
}
