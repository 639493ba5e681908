package dev.gust.lint;

import com.sun.source.tree.ReturnTree;
import com.sun.source.tree.StatementTree;
import com.sun.source.tree.Tree;
import com.sun.source.util.TreeScanner;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import javax.lang.model.element.ExecutableElement;
import org.jspecify.annotations.Nullable;

/** Which kernel code calls which, over all classes of one compilation: what can be said only of methods together. */
final class CallGraph {
    private record Call(Source source, Tree where, ExecutableElement from, ExecutableElement to) {}

    private record Exit(Source source, Tree where) {}

    private final Map<ExecutableElement, List<Call>> calls = new HashMap<>();

    /** Early returns of methods that are fit to be entries, where they are right unless another method calls these. */
    private final Map<ExecutableElement, List<Exit>> earlyExits = new HashMap<>();

    private final List<Call> unchecked = new ArrayList<>();

    void add(KernelMethod method) {
        if (!method.entry()) {
            return;
        }
        List<Exit> exits = new ArrayList<>();
        List<? extends StatementTree> statements = method.body().getStatements();
        new TreeScanner<@Nullable Void, @Nullable Void>() {
            @Override
            public @Nullable Void visitReturn(ReturnTree tree, @Nullable Void unused) {
                if (!tree.equals(statements.getLast())) {
                    exits.add(new Exit(method.source(), tree));
                }
                return super.visitReturn(tree, null);
            }
        }.scan(method.body(), null);
        if (!exits.isEmpty()) {
            earlyExits.put(method.element(), exits);
        }
    }

    void call(KernelMethod from, ExecutableElement to, Tree where) {
        Call call = new Call(from.source(), where, from.element(), to);
        calls.computeIfAbsent(call.from(), method -> new ArrayList<>()).add(call);
        unchecked.add(call);
    }

    /**
     * Refuses what has come to light since the last check. A circle over several classes is found with the last of them,
     * at its call.
     */
    void check() {
        for (Call call : unchecked) {
            if (reaches(call.to(), call.from())) {
                call.source().refuse(Rule.RECURSION, call.where());
            }
        }
        unchecked.clear();
        Set<ExecutableElement> called = new HashSet<>();
        calls.values().forEach(list -> list.forEach(call -> called.add(call.to())));
        for (ExecutableElement method : called) {
            List<Exit> exits = earlyExits.remove(method);
            if (exits != null) {
                exits.forEach(exit -> exit.source().refuse(Rule.MULTIPLE_RETURNS, exit.where()));
            }
        }
    }

    private boolean reaches(ExecutableElement from, ExecutableElement to) {
        Set<ExecutableElement> seen = new HashSet<>();
        Deque<ExecutableElement> open = new ArrayDeque<>(List.of(from));
        while (!open.isEmpty()) {
            ExecutableElement at = open.removeLast();
            if (at.equals(to)) {
                return true;
            }
            if (seen.add(at)) {
                calls.getOrDefault(at, List.of()).forEach(call -> open.add(call.to()));
            }
        }
        return false;
    }
}
