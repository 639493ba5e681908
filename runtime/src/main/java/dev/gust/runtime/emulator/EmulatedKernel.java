package dev.gust.runtime.emulator;

import dev.gust.runtime.kernel.Grid;
import java.lang.invoke.MethodHandle;
import java.util.List;

/**
 * A tuned kernel that is ready to run.
 *
 * @param name the call and the method, as errors name them
 * @param grid its work-items
 * @param body runs one work-item, to its end or to the next barrier: (EmulatedContext)void
 * @param arguments what the kernel is called with
 * @param argumentNames the parameters, in the same order
 */
record EmulatedKernel(String name, Grid grid, MethodHandle body, List<Object> arguments, List<String> argumentNames) {

    /** Groups in all. */
    long groups() {
        return (long) groupsX() * groupsY() * (grid.globalZ() / grid.localZ());
    }

    int groupsX() {
        return grid.globalX() / grid.localX();
    }

    int groupsY() {
        return grid.globalY() / grid.localY();
    }

    /** An array as errors name it. */
    @SuppressWarnings("ReferenceEquality") // arrays are told apart by identity
    String nameOf(Object array) {
        for (int i = 0; i < arguments.size(); i++) {
            if (arguments.get(i) == array) {
                return "'" + argumentNames.get(i) + "'";
            }
        }
        return array.getClass().getSimpleName();
    }
}
