package dev.gust.runtime.tornado;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;

/** Prints on standard output as a native library does; as a program, while it is held back and when it is not. */
final class NativePrinter {
    static final String WHAT = "cuLaunchKernel: 701 (CUDA_ERROR_LAUNCH_OUT_OF_RESOURCES)";

    static final String REFUSED =
            "[TornadoVM-CUDA-JNI] ERROR : cuLaunchKernel -> Returned: 701 (CUDA_ERROR_LAUNCH_OUT_OF_RESOURCES)";

    private static final MethodHandle PUTS = Linker.nativeLinker()
            .downcallHandle(
                    Linker.nativeLinker().defaultLookup().findOrThrow("puts"),
                    FunctionDescriptor.of(ValueLayout.JAVA_INT, ValueLayout.ADDRESS));

    private NativePrinter() {}

    /** A line, which stays in the C library's buffer for now where output is no terminal. */
    static void print(String line) {
        try (Arena arena = Arena.ofConfined()) {
            // Without standard output it fails, late or never.
            int ignored = (int) PUTS.invokeExact(arena.allocateFrom(line));
        } catch (Throwable e) {
            throw new IllegalStateException(e);
        }
    }

    /** Prints 0 to 7, each line from Java or from C, some while two listen; and on stderr what was refused meanwhile. */
    @SuppressWarnings("SystemOut") // what this is about
    public static void main(String[] arguments) {
        print("0 " + REFUSED);
        System.out.println("1");
        var first = new PrintedErrors();
        var second = new PrintedErrors();
        first.begin();
        print("2");
        second.begin();
        first.end();
        first.end();
        System.out.println("3");
        print("4 " + "long ".repeat(500_000) + REFUSED);
        second.end();
        System.out.println("5");
        tell("first", first);
        tell("second", second);
        first.begin();
        first.end();
        System.out.println("6");
        print("7");
    }

    private static void tell(String name, PrintedErrors errors) {
        try {
            errors.throwThem();
        } catch (IllegalStateException e) {
            System.err.println(name + ": " + e.getMessage());
        }
    }
}
