package dev.gust.lint;

import com.sun.source.tree.ExpressionTree;
import com.sun.source.tree.MethodInvocationTree;
import com.sun.source.tree.ParenthesizedTree;
import com.sun.source.tree.Tree;
import com.sun.source.util.TreePath;
import java.util.Optional;
import java.util.Set;
import javax.lang.model.element.Element;
import javax.lang.model.element.ExecutableElement;
import javax.lang.model.type.TypeKind;
import org.jspecify.annotations.Nullable;

/** Which methods a kernel calls: other kernel code, TornadoVM's API, and few others. */
final class Calls extends Rules {
    private static final Set<String> BITS =
            Set.of("intBitsToFloat", "longBitsToDouble", "floatToRawIntBits", "doubleToRawLongBits");
    private static final Set<String> CANONICAL_BITS = Set.of("floatToIntBits", "doubleToLongBits");
    private static final Set<String> HALVES = Set.of("float16ToFloat", "floatToFloat16");
    private static final Set<String> CONTEXT = Set.of("localBarrier", "globalBarrier", "atomicAdd");
    private static final Set<String> ARRAY = Set.of("get", "set", "getSize");

    private final CallGraph graph;

    Calls(KernelMethod method, CallGraph graph) {
        super(method);
        this.graph = graph;
    }

    @Override
    public @Nullable Void visitMethodInvocation(MethodInvocationTree tree, @Nullable Void unused) {
        if (source.element(tree.getMethodSelect()).orElse(null) instanceof ExecutableElement callee) {
            check(tree, callee);
        }
        return super.visitMethodInvocation(tree, null);
    }

    private void check(MethodInvocationTree tree, ExecutableElement callee) {
        Element type = Source.ownerOf(callee);
        String owner = Source.nameOf(type.asType());
        String name = callee.getSimpleName().toString();
        if (source.isKernelCode(type)) {
            graph.call(method, callee, tree);
        } else if (KernelMethod.isContext(type)) {
            context(tree, callee, name);
        } else if (owner.startsWith(Source.API)) {
            api(tree, owner, name);
        } else {
            library(tree, owner, name);
        }
    }

    private void context(MethodInvocationTree tree, ExecutableElement callee, String name) {
        boolean allocates = name.startsWith("allocate") && name.endsWith("LocalArray");
        if (!allocates && !CONTEXT.contains(name)) {
            if (!source.isForSdk()) {
                refuse(Rule.SDK_ONLY, tree);
            }
        } else if (name.equals("globalBarrier")) {
            refuse(Rule.GLOBAL_BARRIER, tree);
        } else if (name.equals("atomicAdd")) {
            atomic(tree, callee);
        }
    }

    private void atomic(MethodInvocationTree tree, ExecutableElement callee) {
        if (callee.getParameters().getFirst().asType().getKind() == TypeKind.ARRAY) {
            refuse(Rule.LOCAL_ATOMIC, tree);
            return;
        }
        TypeKind added = callee.getParameters().getLast().asType().getKind();
        if ((added == TypeKind.FLOAT || added == TypeKind.DOUBLE) && !source.isForSdk()) {
            refuse(Rule.FLOAT_ATOMIC, tree);
        }
    }

    private void api(MethodInvocationTree tree, String owner, String name) {
        if (isSmallFloat(owner) || name.contains("Half")) {
            if (!source.isForSdk()) {
                refuse(Rule.HALF_FLOAT, tree);
            }
        } else if (owner.startsWith(Source.API + "types.arrays.") && !ARRAY.contains(name)) {
            source.refuse(Rule.LIBRARY_CALL, tree, "get, set and getSize of the array");
        }
    }

    /** Whether a type of TornadoVM's holds numbers of 16 or 8 bits. */
    static boolean isSmallFloat(String type) {
        String simple = type.substring(type.lastIndexOf('.') + 1);
        return simple.contains("Half") || simple.contains("BFloat16") || simple.contains("FP8");
    }

    private void library(MethodInvocationTree tree, String owner, String name) {
        boolean number = owner.equals("java.lang.Float") || owner.equals("java.lang.Double");
        if (number && (BITS.contains(name) || CANONICAL_BITS.contains(name))) {
            if (CANONICAL_BITS.contains(name) || !isFused(tree)) {
                refuse(Rule.FLOAT_BITS, tree);
            }
        } else if (number && HALVES.contains(name)) {
            refuse(Rule.HALF_FLOAT, tree);
        } else if (number && name.equals("isNaN")) {
            refuse(Rule.NAN, tree);
        } else if (!LibraryCalls.isRight(owner, name)) {
            Optional<String> instead = LibraryCalls.instead(owner, name);
            source.refuse(Rule.LIBRARY_CALL, tree, instead.orElse(Rule.LIBRARY_CALL.instead()));
        }
    }

    /** Whether the call's argument is what an array's get returns, or its value what an array's set gets. */
    private boolean isFused(MethodInvocationTree tree) {
        return isArrayCall(Source.bare(tree.getArguments().getFirst()), "get") || isStored(tree);
    }

    private boolean isStored(MethodInvocationTree tree) {
        TreePath outer = getCurrentPath().getParentPath();
        Tree value = tree;
        while (outer.getLeaf() instanceof ParenthesizedTree parenthesized) {
            value = parenthesized;
            outer = outer.getParentPath();
        }
        return outer.getLeaf() instanceof MethodInvocationTree set
                && isArrayCall(set, "set")
                && set.getArguments().getLast().equals(value);
    }

    private boolean isArrayCall(ExpressionTree tree, String name) {
        return tree instanceof MethodInvocationTree call
                && source.element(call.getMethodSelect()).orElse(null) instanceof ExecutableElement callee
                && callee.getSimpleName().contentEquals(name)
                && Source.nameOf(Source.ownerOf(callee).asType()).startsWith(Source.API + "types.arrays.");
    }
}
