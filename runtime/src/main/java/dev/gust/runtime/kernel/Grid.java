package dev.gust.runtime.kernel;

/**
 * How many work-items run a tuned kernel, and how many of them form a group.
 *
 * @param globalX work-items along x
 * @param globalY along y
 * @param globalZ along z
 * @param localX work-items of a group along x; divides {@code globalX}
 * @param localY along y
 * @param localZ along z
 */
public record Grid(int globalX, int globalY, int globalZ, int localX, int localY, int localZ) {
    public Grid {
        if (localX < 1 || localY < 1 || localZ < 1 || globalX < 1 || globalY < 1 || globalZ < 1) {
            throw new IllegalArgumentException("an empty grid");
        }
        // A driver refuses such a grid, and TornadoVM only prints that and goes on with stale results.
        if (globalX % localX != 0 || globalY % localY != 0 || globalZ % localZ != 0) {
            throw new IllegalArgumentException("groups of " + localX + " × " + localY + " × " + localZ
                    + " do not divide " + globalX + " × " + globalY + " × " + globalZ + " work-items");
        }
    }

    /** Groups in a row. */
    public static Grid ofGroups(int groups, int local) {
        return new Grid(Math.multiplyExact(groups, local), 1, 1, local, 1, 1);
    }

    /** Groups in a plane. */
    public static Grid ofGroups(int groupsX, int groupsY, int localX, int localY) {
        return new Grid(Math.multiplyExact(groupsX, localX), Math.multiplyExact(groupsY, localY), 1, localX, localY, 1);
    }

    /** Work-items in a group. */
    public int groupSize() {
        return localX * localY * localZ;
    }
}
