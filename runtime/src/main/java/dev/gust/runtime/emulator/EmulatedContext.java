package dev.gust.runtime.emulator;

import dev.gust.runtime.kernel.Grid;
import uk.ac.manchester.tornado.api.KernelContext;
import uk.ac.manchester.tornado.api.types.arrays.DoubleArray;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;
import uk.ac.manchester.tornado.api.types.arrays.LongArray;

/**
 * One work-item, as a rewritten kernel sees it. The identifiers are methods here: TornadoVM's fields are final, and the
 * kernel's reads of them are rewritten to calls. Public because rewritten kernels are loaded apart; of no use to anybody
 * else.
 *
 * <p>{@code allocateByteLocalArray} and the exchanges between lanes are not in every version of TornadoVM's API: here
 * they override nothing or something, as the case may be.
 */
public final class EmulatedContext extends KernelContext {
    /** Work-items whose lanes exchange values without a barrier. */
    static final int WARP = 32;

    private final WorkGroup group;
    private final int index;
    private final int localX;
    private final int localY;
    private final int localZ;
    private final CallFrames frames = new CallFrames();
    private int allocation;
    private int allocationLine;
    private float offered;
    private float lane;
    private int laneDistance;

    /** @param index the work-item's number within its group, x fastest */
    EmulatedContext(WorkGroup group, int index) {
        Grid grid = group.grid();
        this.group = group;
        this.index = index;
        this.localX = index % grid.localX();
        this.localY = index / grid.localX() % grid.localY();
        this.localZ = index / grid.localX() / grid.localY();
    }

    int index() {
        return index;
    }

    LocalMemory memory() {
        return group.memory();
    }

    /** Where the work-item stands in its code. */
    public CallFrames frames() {
        return frames;
    }

    public Integer globalIdx() {
        return group.x() * group.grid().localX() + localX;
    }

    public Integer globalIdy() {
        return group.y() * group.grid().localY() + localY;
    }

    public Integer globalIdz() {
        return group.z() * group.grid().localZ() + localZ;
    }

    public Integer groupIdx() {
        return group.x();
    }

    public Integer groupIdy() {
        return group.y();
    }

    public Integer groupIdz() {
        return group.z();
    }

    public Integer localIdx() {
        return localX;
    }

    public Integer localIdy() {
        return localY;
    }

    public Integer localIdz() {
        return localZ;
    }

    public Integer globalGroupSizeX() {
        return group.grid().globalX();
    }

    public Integer globalGroupSizeY() {
        return group.grid().globalY();
    }

    public Integer globalGroupSizeZ() {
        return group.grid().globalZ();
    }

    public Integer localGroupSizeX() {
        return group.grid().localX();
    }

    public Integer localGroupSizeY() {
        return group.grid().localY();
    }

    public Integer localGroupSizeZ() {
        return group.grid().localZ();
    }

    /** Rewritten kernels never come here. */
    @Override
    public void localBarrier() {
        throw notRewritten();
    }

    /** Rewritten kernels never come here. */
    @Override
    public void globalBarrier() {
        throw notRewritten();
    }

    private static KernelFault notRewritten() {
        return new KernelFault(
                "passes its context to an instance method that meets a barrier or allocates", "make the method static");
    }

    /** Before an allocation: which one it is. */
    public void allocates(int number, int line) {
        allocation = number;
        allocationLine = line;
    }

    private Object allocate(Class<?> type, int length) {
        if (allocation == 0) {
            throw notRewritten();
        }
        // The sign tells allocations from calls, which are numbered alike.
        long place = frames.place(-allocation);
        allocation = 0;
        return memory().allocate(type, length, place, allocationLine);
    }

    @Override
    public int[] allocateIntLocalArray(int size) {
        return (int[]) allocate(int.class, size);
    }

    @Override
    public long[] allocateLongLocalArray(int size) {
        return (long[]) allocate(long.class, size);
    }

    @Override
    public float[] allocateFloatLocalArray(int size) {
        return (float[]) allocate(float.class, size);
    }

    @Override
    public double[] allocateDoubleLocalArray(int size) {
        return (double[]) allocate(double.class, size);
    }

    @SuppressWarnings("MissingOverride")
    public byte[] allocateByteLocalArray(int size) {
        return (byte[]) allocate(byte.class, size);
    }

    @Override
    public void atomicAdd(IntArray array, int at, int value) {
        KernelChecks.element(array, array.getSize(), at, this);
        synchronized (group.atomics()) {
            array.set(at, array.get(at) + value);
        }
    }

    @Override
    public void atomicAdd(int[] array, int at, int value) {
        LocalArray local = memory().find(array);
        if (local == null) {
            throw new KernelFault("adds atomically to a private array", "only local and global memory is shared");
        }
        local.add(at, index, memory().groupStart(), memory().epoch());
        array[at] += value;
    }

    @Override
    public void atomicAdd(LongArray array, int at, long value) {
        KernelChecks.element(array, array.getSize(), at, this);
        synchronized (group.atomics()) {
            array.set(at, array.get(at) + value);
        }
    }

    @Override
    public void atomicAdd(FloatArray array, int at, float value) {
        KernelChecks.element(array, array.getSize(), at, this);
        group.awaitTurn();
        array.set(at, array.get(at) + value);
    }

    @Override
    public void atomicAdd(DoubleArray array, int at, double value) {
        KernelChecks.element(array, array.getSize(), at, this);
        group.awaitTurn();
        array.set(at, array.get(at) + value);
    }

    /** Gives a value to the other lanes of the warp. */
    public static void offer(KernelContext context, float value, EmulatedContext item) {
        offer(context, value, 0, item);
    }

    /** Gives a value to the other lanes of the warp, and says whose value is wanted. */
    public static void offer(KernelContext context, float value, int distance, EmulatedContext item) {
        item.offered = value;
        item.laneDistance = distance;
    }

    /** All lanes of the warp have offered: from now on they see this value, even if the next is offered already. */
    void exchange() {
        lane = offered;
    }

    /** The sum over the warp, in the order in which a tree of shuffles adds: every lane gets lane 0's. */
    public float simdSum() {
        int first = index - index % WARP;
        float[] sums = new float[WARP];
        for (int i = 0; i < WARP; i++) {
            sums[i] = group.item(first + i).lane;
        }
        for (int distance = WARP / 2; distance > 0; distance /= 2) {
            for (int i = 0; i < distance; i++) {
                sums[i] += sums[i + distance];
            }
        }
        return sums[0];
    }

    /** The value of the lane so far ahead; the lane's own where the warp has ended. */
    public float simdShuffleDown() {
        int ahead = index % WARP + laneDistance;
        return ahead >= 0 && ahead < WARP ? group.item(index + laneDistance).lane : lane;
    }

    /** The value of the warp's first lane. */
    public float simdBroadcastFirst() {
        return group.item(index - index % WARP).lane;
    }

    /** What the emulator does not have. */
    @SuppressWarnings("DoNotCallSuggester") // rewritten kernels do
    public void refuse(String method) {
        throw new KernelFault(
                "calls KernelContext." + method + ", which the emulator does not have", "test this kernel on a device");
    }

    KernelFault outside(Object array, int length, int at) {
        return new KernelFault(
                "index " + at + " is outside of " + group.nameOf(array) + ", which has " + length + " elements",
                "correct the index, or guard it");
    }

    /** The work-item in errors. */
    @Override
    public String toString() {
        return "work-item (" + globalIdx() + ", " + globalIdy() + ", " + globalIdz() + "), which is (" + localX + ", "
                + localY + ", " + localZ + ") of group (" + group.x() + ", " + group.y() + ", " + group.z() + ")";
    }
}
