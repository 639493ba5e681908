package dev.gust.kernels.copy;

import uk.ac.manchester.tornado.api.annotations.Parallel;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;

/** Copies from one array on the device to another. */
public final class PortableCopy {
    /** Of {@code place}: where the first element goes. */
    public static final int FIRST = 0;

    /** Of {@code place}: how many there are. */
    public static final int COUNT = 1;

    /** Length of {@code place}. */
    public static final int PLACE = 2;

    private PortableCopy() {}

    /**
     * Copies the beginning of an array into another.
     *
     * @param from at least as many elements as are copied
     * @param place see {@link #FIRST} and {@link #COUNT}
     * @param to keeps its other elements
     * @param most elements for which {@code from} has room
     */
    public static void putPortable(FloatArray from, IntArray place, FloatArray to, int most) {
        for (@Parallel int i = 0; i < most; i++) {
            if (i < place.get(COUNT)) {
                to.set(place.get(FIRST) + i, from.get(i));
            }
        }
    }
}
