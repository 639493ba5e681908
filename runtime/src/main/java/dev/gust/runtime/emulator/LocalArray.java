package dev.gust.runtime.emulator;

import java.util.Arrays;

/**
 * An array in a group's local memory, and who touched each element when. Time is counted in epochs, which local barriers
 * end: what two work-items do in one epoch has no order on a device, so one of them must not write what the other reads
 * or writes. A group runs its work-items in a fixed order, so a race is found whether or not it does harm.
 */
final class LocalArray {
    /** In place of a work-item: an atomic operation, or several readers. */
    private static final int SEVERAL = -1;

    private static final int POISON = 0x7fedbeef;

    private final Object elements;
    private final long path;
    private final String name;
    private final int length;
    private final long[] writtenIn;
    private final int[] writer;
    private final long[] readIn;
    private final int[] reader;

    /**
     * @param elements an array of primitives
     * @param path which allocation of the kernel made it
     * @param name as errors say it
     */
    LocalArray(Object elements, long path, String name, int length) {
        this.elements = elements;
        this.path = path;
        this.name = name;
        this.length = length;
        this.writtenIn = new long[length];
        this.writer = new int[length];
        this.readIn = new long[length];
        this.reader = new int[length];
    }

    Object elements() {
        return elements;
    }

    long path() {
        return path;
    }

    int length() {
        return length;
    }

    /** Unwritten reads are errors; what reads past the checks (an instance method, say) shall not find zeros either. */
    void poison() {
        switch (elements) {
            case float[] f -> Arrays.fill(f, Float.intBitsToFloat(POISON));
            case double[] d -> Arrays.fill(d, Double.longBitsToDouble(0x7ff8_0000_0000_0000L | POISON));
            case int[] i -> Arrays.fill(i, POISON);
            case long[] l -> Arrays.fill(l, (long) POISON << 32 | POISON);
            case byte[] b -> Arrays.fill(b, (byte) POISON);
            default -> throw new IllegalStateException("local memory of " + elements.getClass());
        }
    }

    /** Checks and records that a work-item reads. */
    void read(int index, int item, long groupStart, long epoch) {
        inside(index);
        long written = writtenIn[index];
        if (written < groupStart) {
            throw unwritten(index);
        }
        if (written == epoch && writer[index] != item) {
            throw race(index, "reads what " + who(writer[index]) + " wrote");
        }
        if (readIn[index] != epoch) {
            readIn[index] = epoch;
            reader[index] = item;
        } else if (reader[index] != item) {
            reader[index] = SEVERAL;
        }
    }

    /**
     * Checks and records that a work-item writes. Several may write the same value, as flags are raised.
     *
     * @param index {@linkplain #inside inside} the array
     * @param changes whether it writes something else than what is there
     */
    void write(int index, int item, long epoch, boolean changes) {
        if (changes) {
            ordered(index, item, epoch);
        }
        writtenIn[index] = epoch;
        writer[index] = item;
    }

    /** Checks and records that a work-item adds atomically, which others may do in the same epoch. */
    void add(int index, int item, long groupStart, long epoch) {
        inside(index);
        if (writtenIn[index] < groupStart) {
            throw unwritten(index);
        }
        if (writtenIn[index] != epoch || writer[index] != SEVERAL) {
            ordered(index, item, epoch);
        }
        writtenIn[index] = epoch;
        writer[index] = SEVERAL;
    }

    private void ordered(int index, int item, long epoch) {
        if (writtenIn[index] == epoch && writer[index] != item) {
            throw race(index, "writes what " + who(writer[index]) + " wrote");
        }
        if (readIn[index] == epoch && reader[index] != item) {
            throw race(index, "writes what " + who(reader[index]) + " read");
        }
    }

    /** Checks an index. */
    void inside(int index) {
        if (index < 0 || index >= length) {
            throw new KernelFault("index " + index + " is outside of " + name, "correct the index or the array's size");
        }
    }

    private KernelFault unwritten(int index) {
        return new KernelFault(
                "reads element " + index + " of " + name + ", which nothing has written",
                "local memory is not zeroed on a device: write before reading");
    }

    private KernelFault race(int index, String what) {
        return new KernelFault(
                what + " since the last local barrier: element " + index + " of " + name,
                "put a localBarrier() between the two");
    }

    private static String who(int item) {
        return item == SEVERAL ? "others" : "work-item " + item + " of the group";
    }
}
