package dev.gust.lint;

import com.sun.source.tree.BinaryTree;
import com.sun.source.tree.ConditionalExpressionTree;
import com.sun.source.tree.ExpressionTree;
import com.sun.source.tree.LiteralTree;
import com.sun.source.tree.UnaryTree;
import javax.lang.model.element.ElementKind;
import javax.lang.model.element.Modifier;

/** Sizes of private and local arrays, which must be known when the kernel is compiled. */
final class ArraySizes {
    /** Variables followed back to their initializers, at most. */
    private static final int STEPS = 8;

    private ArraySizes() {}

    static void check(KernelMethod method, ExpressionTree size) {
        if (!isFixed(method, size, STEPS)) {
            method.source().refuse(Rule.ARRAY_SIZE, size);
        }
    }

    /** Constants, scalar arguments, which TornadoVM makes constants, and what is computed from them. */
    private static boolean isFixed(KernelMethod method, ExpressionTree tree, int steps) {
        return switch (method.resolved(Source.uncast(tree))) {
            case LiteralTree _ -> true;
            case UnaryTree unary -> isFixed(method, unary.getExpression(), steps);
            case BinaryTree binary ->
                isFixed(method, binary.getLeftOperand(), steps) && isFixed(method, binary.getRightOperand(), steps);
            case ConditionalExpressionTree choice ->
                isFixed(method, choice.getTrueExpression(), steps)
                        && isFixed(method, choice.getFalseExpression(), steps);
            case ExpressionTree other ->
                method.initializers().containsKey(method.source().element(other).orElse(method.element()))
                        ? steps > 0 && isFixed(method, other, steps - 1)
                        : isFixedVariable(method, other);
        };
    }

    private static boolean isFixedVariable(KernelMethod method, ExpressionTree tree) {
        return method.source()
                .variable(tree)
                .filter(variable -> variable.asType().getKind().isPrimitive())
                .filter(variable -> variable.getKind() == ElementKind.PARAMETER
                        || variable.getModifiers().contains(Modifier.STATIC))
                .isPresent();
    }
}
