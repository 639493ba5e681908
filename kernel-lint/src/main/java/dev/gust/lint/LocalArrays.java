package dev.gust.lint;

import com.sun.source.tree.AssignmentTree;
import com.sun.source.tree.ConditionalExpressionTree;
import com.sun.source.tree.ExpressionTree;
import com.sun.source.tree.MethodInvocationTree;
import com.sun.source.tree.ReturnTree;
import java.util.Optional;
import java.util.Set;
import javax.lang.model.element.ExecutableElement;
import org.jspecify.annotations.Nullable;

/** Arrays in a group's local memory: their types and sizes, and that they stay in the method that allocates them. */
final class LocalArrays extends Rules {
    private static final Set<String> RIGHT = Set.of(
            "allocateIntLocalArray", "allocateLongLocalArray", "allocateFloatLocalArray", "allocateDoubleLocalArray");

    LocalArrays(KernelMethod method) {
        super(method);
    }

    @Override
    public @Nullable Void visitMethodInvocation(MethodInvocationTree tree, @Nullable Void unused) {
        Optional<String> allocation = allocation(tree);
        if (allocation.isPresent()) {
            if (!RIGHT.contains(allocation.get()) && !source.isForSdk()) {
                refuse(Rule.ARRAY_TYPE, tree);
            }
            ArraySizes.check(method, tree.getArguments().getFirst());
        } else if (!isContextCall(tree)) {
            tree.getArguments().stream()
                    .filter(this::isLocal)
                    .forEach(array -> refuse(Rule.LOCAL_ARRAY_ESCAPES, array));
        }
        return super.visitMethodInvocation(tree, null);
    }

    @Override
    public @Nullable Void visitReturn(ReturnTree tree, @Nullable Void unused) {
        Optional.ofNullable(tree.getExpression())
                .filter(this::isLocal)
                .ifPresent(array -> refuse(Rule.LOCAL_ARRAY_ESCAPES, array));
        return super.visitReturn(tree, null);
    }

    /** A variable that may be one array or another hides which memory it is in. */
    @Override
    public @Nullable Void visitAssignment(AssignmentTree tree, @Nullable Void unused) {
        if (isLocal(tree.getExpression())) {
            refuse(Rule.LOCAL_ARRAY_ESCAPES, tree);
        }
        return super.visitAssignment(tree, null);
    }

    private boolean isLocal(ExpressionTree tree) {
        ExpressionTree at = method.resolved(tree);
        ExpressionTree next = method.resolved(at);
        while (!next.equals(at)) {
            at = next;
            next = method.resolved(at);
        }
        return switch (at) {
            case MethodInvocationTree call -> allocation(call).isPresent();
            case ConditionalExpressionTree choice ->
                isLocal(choice.getTrueExpression()) || isLocal(choice.getFalseExpression());
            default -> false;
        };
    }

    /** The name of the method that allocates, if the call does. */
    private Optional<String> allocation(MethodInvocationTree call) {
        return Optional.of(call)
                .filter(this::isContextCall)
                .flatMap(tree -> source.element(tree.getMethodSelect()))
                .map(callee -> callee.getSimpleName().toString())
                .filter(name -> name.startsWith("allocate"));
    }

    private boolean isContextCall(MethodInvocationTree call) {
        return source.element(call.getMethodSelect()).orElse(null) instanceof ExecutableElement callee
                && KernelMethod.isContext(Source.ownerOf(callee));
    }
}
