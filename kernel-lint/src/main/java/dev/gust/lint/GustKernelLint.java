package dev.gust.lint;

import com.sun.source.tree.MethodTree;
import com.sun.source.util.JavacTask;
import com.sun.source.util.Plugin;
import com.sun.source.util.TaskEvent;
import com.sun.source.util.TaskListener;
import com.sun.source.util.TreePath;
import com.sun.source.util.TreePathScanner;
import com.sun.source.util.Trees;
import java.util.List;
import java.util.Optional;
import javax.lang.model.element.TypeElement;
import org.jspecify.annotations.Nullable;

/**
 * Refuses kernels that TornadoVM compiles wrongly or not at all, as errors of the compiler. Every method in the packages
 * given as arguments, and below them, is a kernel or a piece of one.
 */
public final class GustKernelLint implements Plugin {
    private static final String KERNELS = "dev.gust.kernels";

    /** For javac, which finds the plugin as a service. */
    public GustKernelLint() {}

    @Override
    public String getName() {
        return "GustKernelLint";
    }

    @Override
    public void init(JavacTask task, String... args) {
        List<String> packages = args.length == 0 ? List.of(KERNELS) : List.of(args);
        Trees trees = Trees.instance(task);
        CallGraph calls = new CallGraph();
        task.addTaskListener(new TaskListener() {
            @Override
            public void finished(TaskEvent event) {
                if (event.getKind() == TaskEvent.Kind.ANALYZE) {
                    Optional.ofNullable(event.getTypeElement())
                            .ifPresent(type -> lint(task, trees, packages, calls, type));
                }
            }
        });
    }

    private static void lint(JavacTask task, Trees trees, List<String> packages, CallGraph calls, TypeElement type) {
        Optional<TreePath> path = Optional.ofNullable(trees.getPath(type));
        if (path.isEmpty() || !Source.isWithin(packages, Source.packageOf(type))) {
            return;
        }
        Source source =
                new Source(trees, task.getTypes(), path.get().getCompilationUnit(), packages, Source.packageOf(type));
        new Methods(source, calls).scan(path.get(), null);
        calls.check();
    }

    /** Hands each method to the rules. */
    private static final class Methods extends TreePathScanner<@Nullable Void, @Nullable Void> {
        private final Source source;
        private final CallGraph calls;

        Methods(Source source, CallGraph calls) {
            this.source = source;
            this.calls = calls;
        }

        @Override
        public @Nullable Void visitMethod(MethodTree tree, @Nullable Void unused) {
            // A constructor here only keeps others from making instances.
            KernelMethod.of(source, getCurrentPath()).ifPresent(method -> {
                Signatures.check(method);
                calls.add(method);
                List.of(
                                new ControlFlow(method),
                                new Branches(method),
                                new Arithmetic(method),
                                new Conversions(method),
                                new Calls(method, calls),
                                new LocalArrays(method),
                                new PrivateArrays(method),
                                new References(method))
                        .forEach(rules -> rules.scan(method.path(), null));
            });
            return null;
        }
    }
}
