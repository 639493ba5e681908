package dev.gust.lint;

import java.net.URI;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.stream.IntStream;
import javax.tools.Diagnostic;
import javax.tools.DiagnosticCollector;
import javax.tools.JavaCompiler;
import javax.tools.JavaFileManager;
import javax.tools.JavaFileObject;
import javax.tools.SimpleJavaFileObject;
import javax.tools.ToolProvider;
import uk.ac.manchester.tornado.api.KernelContext;

/** Compiles sources in memory with the plugin, as a build would, up to where code would be generated. */
final class Probe {
    /** What a line that must be refused ends in. */
    static final String REFUSED = "// refused";

    /** An error: the file's name, the line from 1, and the message. */
    record Finding(String file, long line, String message) {}

    private record Memory(String path, String text) {}

    private static final JavaCompiler COMPILER = ToolProvider.getSystemJavaCompiler();

    /** One for all tests: it keeps the JDK's classes open. */
    private static final JavaFileManager FILES = COMPILER.getStandardFileManager(null, null, null);

    private Probe() {}

    /** The jar or folder of a class. */
    private static String home(Class<?> type) {
        return Path.of(URI.create(
                        type.getProtectionDomain().getCodeSource().getLocation().toString()))
                .toString();
    }

    /** A class of kernels around members. */
    static String members(String members) {
        return """
                package dev.gust.kernels.probe;

                import uk.ac.manchester.tornado.api.*;
                import uk.ac.manchester.tornado.api.annotations.*;
                import uk.ac.manchester.tornado.api.math.*;
                import uk.ac.manchester.tornado.api.types.*;
                import uk.ac.manchester.tornado.api.types.arrays.*;
                import uk.ac.manchester.tornado.api.types.vectors.*;

                final class Kernels {
                    static final int SIZE = 8;
                %s
                }
                """.formatted(members.indent(4).stripTrailing());
    }

    /** A class with one kernel around statements. */
    static String statements(String statements) {
        return members("""
                static void probe(KernelContext context, IntArray ints, FloatArray floats, LongArray longs,
                        DoubleArray doubles, ByteArray bytes, int n, int x, int y, float f) {
                %s
                }""".formatted(statements.indent(4).stripTrailing()));
    }

    /** Lines, from 1, that end in {@link #REFUSED}. */
    static List<Long> marked(String source) {
        List<String> lines = source.lines().toList();
        return IntStream.range(0, lines.size())
                .filter(i -> lines.get(i).endsWith(REFUSED))
                .mapToObj(i -> i + 1L)
                .toList();
    }

    /** All errors of one compilation, in order. Paths are such as {@code dev/gust/kernels/probe/Kernels.java}. */
    static List<Finding> compile(Map<String, String> sources, String plugin) {
        DiagnosticCollector<JavaFileObject> collector = new DiagnosticCollector<>();
        List<String> options = List.of(
                "-cp",
                home(KernelContext.class),
                "-processorpath",
                home(GustKernelLint.class),
                "-proc:none",
                "--should-stop=ifNoError=FLOW",
                plugin);
        List<JavaFileObject> files = new ArrayList<>();
        sources.forEach((name, text) -> files.add(source(new Memory(name, text))));
        boolean compiled =
                COMPILER.getTask(null, FILES, collector, options, null, files).call();
        List<Finding> errors = collector.getDiagnostics().stream()
                .filter(diagnostic -> diagnostic.getKind() == Diagnostic.Kind.ERROR)
                .map(Probe::finding)
                .toList();
        if (compiled != errors.isEmpty()) {
            throw new AssertionError("the compiler said " + compiled + " and reported " + errors);
        }
        return errors;
    }

    static List<Finding> compile(String source) {
        return compile(Map.of("dev/gust/kernels/probe/Kernels.java", source), "-Xplugin:GustKernelLint");
    }

    private static Finding finding(Diagnostic<? extends JavaFileObject> diagnostic) {
        String name =
                diagnostic.getSource() == null ? "" : diagnostic.getSource().getName();
        return new Finding(name, diagnostic.getLineNumber(), diagnostic.getMessage(Locale.ROOT));
    }

    private static JavaFileObject source(Memory memory) {
        URI uri = URI.create("memory:///" + memory.path());
        return new SimpleJavaFileObject(uri, JavaFileObject.Kind.SOURCE) {
            @Override
            public CharSequence getCharContent(boolean ignoreEncodingErrors) {
                return memory.text();
            }
        };
    }
}
