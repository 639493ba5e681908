package dev.gust.runtime.emulator;

/**
 * What rewritten kernels ask before they touch memory. Public because they are loaded apart; of no use to anybody else.
 */
public final class KernelChecks {
    private KernelChecks() {}

    /**
     * Before element {@code index} of an array of TornadoVM's is read or written. The arrays themselves let indices just
     * below 0 through, to their header.
     */
    public static void element(Object array, int length, int index, EmulatedContext item) {
        if (index < 0 || index >= length) {
            throw item.outside(array, length, index);
        }
    }

    /** Before an element of a Java array is read. */
    public static void read(Object array, int index, EmulatedContext item) {
        LocalMemory memory = item.memory();
        LocalArray local = memory.find(array);
        if (local != null) {
            local.read(index, item.index(), memory.groupStart(), memory.epoch());
        }
    }

    /** Before an element of a Java array of ints, or of anything narrower, is written. */
    public static void write(Object array, int index, int value, EmulatedContext item) {
        LocalMemory memory = item.memory();
        LocalArray local = memory.find(array);
        if (local != null) {
            local.inside(index);
            boolean changes = array instanceof int[] ints ? ints[index] != value : ((byte[]) array)[index] != value;
            local.write(index, item.index(), memory.epoch(), changes);
        }
    }

    /** Before an element of a Java array is written. */
    public static void write(Object array, int index, long value, EmulatedContext item) {
        LocalMemory memory = item.memory();
        LocalArray local = memory.find(array);
        if (local != null) {
            local.inside(index);
            local.write(index, item.index(), memory.epoch(), ((long[]) array)[index] != value);
        }
    }

    /** Before an element of a Java array is written. */
    public static void write(Object array, int index, float value, EmulatedContext item) {
        LocalMemory memory = item.memory();
        LocalArray local = memory.find(array);
        if (local != null) {
            local.inside(index);
            boolean changes = Float.floatToRawIntBits(((float[]) array)[index]) != Float.floatToRawIntBits(value);
            local.write(index, item.index(), memory.epoch(), changes);
        }
    }

    /** Before an element of a Java array is written. */
    public static void write(Object array, int index, double value, EmulatedContext item) {
        LocalMemory memory = item.memory();
        LocalArray local = memory.find(array);
        if (local != null) {
            local.inside(index);
            boolean changes =
                    Double.doubleToRawLongBits(((double[]) array)[index]) != Double.doubleToRawLongBits(value);
            local.write(index, item.index(), memory.epoch(), changes);
        }
    }
}
