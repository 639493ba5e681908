package dev.gust.cli;

import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;

/**
 * Undoes what the launcher did to stderr. The JVM prints a warning on stderr whenever the Vector API is in use, and
 * nothing turns it off; so the launcher starts the JVM with a filter as descriptor 2 and the real stderr as another,
 * which this puts back in its place.
 */
final class StandardError {
    private static final int STDERR = 2;

    private StandardError() {}

    static void takeBack() {
        Integer real = Integer.getInteger("gust.stderr.fd");
        if (real == null) {
            return;
        }
        Linker linker = Linker.nativeLinker();
        try {
            MethodHandle dup2 = linker.downcallHandle(
                    linker.defaultLookup().findOrThrow("dup2"),
                    FunctionDescriptor.of(ValueLayout.JAVA_INT, ValueLayout.JAVA_INT, ValueLayout.JAVA_INT));
            int copied = (int) dup2.invokeExact((int) real, STDERR);
            if (copied != STDERR) {
                throw new IllegalStateException("dup2 gave " + copied);
            }
        } catch (Throwable e) {
            // The filter stays in place, which passes everything but the warning on: only slower.
            System.err.println("gust: stderr stays behind the launcher's filter: " + e.getMessage());
        }
    }

    /** Whether stderr is a terminal, as the launcher saw it. */
    static boolean isTerminal() {
        return Boolean.getBoolean("gust.stderr.tty");
    }
}
