package dev.gust.lint;

import com.sun.source.tree.AssignmentTree;
import com.sun.source.tree.BinaryTree;
import com.sun.source.tree.CompoundAssignmentTree;
import com.sun.source.tree.ExpressionTree;
import com.sun.source.tree.MethodInvocationTree;
import com.sun.source.tree.ReturnTree;
import com.sun.source.tree.Tree;
import com.sun.source.tree.TypeCastTree;
import com.sun.source.tree.UnaryTree;
import com.sun.source.tree.VariableTree;
import java.util.List;
import java.util.Optional;
import javax.lang.model.element.ExecutableElement;
import javax.lang.model.element.VariableElement;
import javax.lang.model.type.TypeKind;
import org.jspecify.annotations.Nullable;

/**
 * Differences of masked bits that become a wider type. The CUDA backend keeps what a mask leaves as unsigned, also when a
 * subtraction has made it negative, and so the conversion reads a huge number (TornadoVM's issue 1087).
 */
final class Conversions extends Rules {
    /** Variables followed back to their initializers, at most. */
    private static final int STEPS = 8;

    Conversions(KernelMethod method) {
        super(method);
    }

    @Override
    public @Nullable Void visitTypeCast(TypeCastTree tree, @Nullable Void unused) {
        converted(tree.getExpression(), source.kind(tree));
        return super.visitTypeCast(tree, null);
    }

    @Override
    public @Nullable Void visitBinary(BinaryTree tree, @Nullable Void unused) {
        boolean shift = tree.getKind() == Tree.Kind.LEFT_SHIFT || tree.getKind() == Tree.Kind.RIGHT_SHIFT;
        if (!shift) {
            converted(tree.getLeftOperand(), source.kind(tree.getRightOperand()));
            converted(tree.getRightOperand(), source.kind(tree.getLeftOperand()));
        }
        return super.visitBinary(tree, null);
    }

    @Override
    public @Nullable Void visitVariable(VariableTree tree, @Nullable Void unused) {
        Optional.ofNullable(tree.getInitializer()).ifPresent(value -> converted(value, source.kind(tree)));
        return super.visitVariable(tree, null);
    }

    @Override
    public @Nullable Void visitAssignment(AssignmentTree tree, @Nullable Void unused) {
        converted(tree.getExpression(), source.kind(tree.getVariable()));
        return super.visitAssignment(tree, null);
    }

    @Override
    public @Nullable Void visitCompoundAssignment(CompoundAssignmentTree tree, @Nullable Void unused) {
        converted(tree.getExpression(), source.kind(tree.getVariable()));
        return super.visitCompoundAssignment(tree, null);
    }

    @Override
    public @Nullable Void visitReturn(ReturnTree tree, @Nullable Void unused) {
        Optional.ofNullable(tree.getExpression())
                .ifPresent(value ->
                        converted(value, method.element().getReturnType().getKind()));
        return super.visitReturn(tree, null);
    }

    @Override
    public @Nullable Void visitMethodInvocation(MethodInvocationTree tree, @Nullable Void unused) {
        if (source.element(tree.getMethodSelect()).orElse(null) instanceof ExecutableElement callee) {
            List<? extends VariableElement> parameters = callee.getParameters();
            List<? extends ExpressionTree> arguments = tree.getArguments();
            for (int i = 0; i < Math.min(parameters.size(), arguments.size()); i++) {
                converted(arguments.get(i), parameters.get(i).asType().getKind());
            }
        }
        return super.visitMethodInvocation(tree, null);
    }

    private void converted(ExpressionTree value, TypeKind to) {
        boolean wider = to == TypeKind.FLOAT || to == TypeKind.DOUBLE || to == TypeKind.LONG;
        if (wider && source.kind(value) == TypeKind.INT && isDifference(method.resolved(value))) {
            refuse(Rule.ZERO_POINT, value);
        }
    }

    private boolean isDifference(ExpressionTree tree) {
        return switch (tree) {
            case BinaryTree minus
            when minus.getKind() == Tree.Kind.MINUS ->
                isMasked(minus.getLeftOperand(), STEPS) || isMasked(minus.getRightOperand(), STEPS);
            case BinaryTree plus
            when plus.getKind() == Tree.Kind.PLUS ->
                (isMasked(plus.getLeftOperand(), STEPS) && isNegative(plus.getRightOperand()))
                        || (isMasked(plus.getRightOperand(), STEPS) && isNegative(plus.getLeftOperand()));
            case UnaryTree minus
            when minus.getKind() == Tree.Kind.UNARY_MINUS -> isMasked(minus.getExpression(), STEPS);
            default -> false;
        };
    }

    private boolean isNegative(ExpressionTree tree) {
        return source.constant(tree)
                .filter(value -> value instanceof Integer i && i < 0)
                .isPresent();
    }

    /** Whether bits were masked or shifted on the way to this int; a helper's result may well have been. */
    private boolean isMasked(ExpressionTree tree, int steps) {
        return switch (method.resolved(tree)) {
            case BinaryTree binary ->
                switch (binary.getKind()) {
                    case AND, OR, XOR, RIGHT_SHIFT -> true;
                    default ->
                        steps > 0
                                && (isMasked(binary.getLeftOperand(), steps - 1)
                                        || isMasked(binary.getRightOperand(), steps - 1));
                };
            case MethodInvocationTree call ->
                source.kind(call) == TypeKind.INT
                        && source.element(call.getMethodSelect())
                                .filter(source::isKernelCode)
                                .isPresent();
            case TypeCastTree cast -> steps > 0 && isMasked(cast.getExpression(), steps - 1);
            default -> false;
        };
    }
}
