package dev.gust.lint;

import com.sun.source.tree.AssignmentTree;
import com.sun.source.tree.BinaryTree;
import com.sun.source.tree.BlockTree;
import com.sun.source.tree.CompoundAssignmentTree;
import com.sun.source.tree.ExpressionStatementTree;
import com.sun.source.tree.ExpressionTree;
import com.sun.source.tree.IdentifierTree;
import com.sun.source.tree.IfTree;
import com.sun.source.tree.MemberSelectTree;
import com.sun.source.tree.StatementTree;
import com.sun.source.tree.Tree;
import com.sun.source.tree.UnaryTree;
import java.util.Optional;
import javax.lang.model.type.TypeKind;
import org.jspecify.annotations.Nullable;

/** Operators that mean something else on a device. */
final class Arithmetic extends Rules {
    private static final int SIGN_SHIFT = 31;

    Arithmetic(KernelMethod method) {
        super(method);
    }

    @Override
    public @Nullable Void visitBinary(BinaryTree tree, @Nullable Void unused) {
        ExpressionTree left = tree.getLeftOperand();
        ExpressionTree right = tree.getRightOperand();
        switch (tree.getKind()) {
            case UNSIGNED_RIGHT_SHIFT -> refuse(Rule.UNSIGNED_SHIFT, tree);
            case LEFT_SHIFT -> signShift(tree, right);
            case MULTIPLY -> {
                if (isSignBit(left) || isSignBit(right)) {
                    refuse(Rule.SIGN_BIT, tree);
                }
            }
            case RIGHT_SHIFT -> {
                if (isSquare(method.resolved(left))) {
                    refuse(Rule.SQUARE_SHIFT, tree);
                }
            }
            case EQUAL_TO, NOT_EQUAL_TO -> {
                if (isFloating(left) && text(left).equals(text(right))) {
                    refuse(Rule.NAN, tree);
                }
            }
            default -> {
                // Every other operator means on devices what it means in Java.
            }
        }
        return super.visitBinary(tree, null);
    }

    @Override
    public @Nullable Void visitCompoundAssignment(CompoundAssignmentTree tree, @Nullable Void unused) {
        if (tree.getKind() == Tree.Kind.UNSIGNED_RIGHT_SHIFT_ASSIGNMENT) {
            refuse(Rule.UNSIGNED_SHIFT, tree);
        } else if (tree.getKind() == Tree.Kind.LEFT_SHIFT_ASSIGNMENT) {
            signShift(tree, tree.getExpression());
        } else if (tree.getKind() == Tree.Kind.MULTIPLY_ASSIGNMENT && isSignBit(tree.getExpression())) {
            refuse(Rule.SIGN_BIT, tree);
        } else if (tree.getKind() == Tree.Kind.RIGHT_SHIFT_ASSIGNMENT
                && isSquare(method.resolved(tree.getVariable()))) {
            refuse(Rule.SQUARE_SHIFT, tree);
        }
        return super.visitCompoundAssignment(tree, null);
    }

    @Override
    public @Nullable Void visitUnary(UnaryTree tree, @Nullable Void unused) {
        if (tree.getKind() == Tree.Kind.UNARY_MINUS
                && method.resolved(tree.getExpression()) instanceof BinaryTree mask
                && mask.getKind() == Tree.Kind.AND
                && (isSignBit(mask.getLeftOperand()) || isSignBit(mask.getRightOperand()))) {
            refuse(Rule.SIGN_BIT, tree);
        }
        return super.visitUnary(tree, null);
    }

    @Override
    public @Nullable Void visitIf(IfTree tree, @Nullable Void unused) {
        if (tree.getElseStatement() == null
                && Source.bare(tree.getCondition()) instanceof BinaryTree test
                && test.getKind() == Tree.Kind.LESS_THAN
                && source.constant(test.getRightOperand()).equals(Optional.of(0))
                && only(tree.getThenStatement()) instanceof ExpressionStatementTree body
                && addsTo(text(test.getLeftOperand()), body.getExpression())) {
            refuse(Rule.SIGN_WRAP, tree);
        }
        return super.visitIf(tree, null);
    }

    private static StatementTree only(StatementTree tree) {
        return tree instanceof BlockTree block && block.getStatements().size() == 1
                ? block.getStatements().getFirst()
                : tree;
    }

    /** Whether a statement is {@code x += n} or {@code x = x + n}. */
    private static boolean addsTo(String variable, ExpressionTree tree) {
        return switch (tree) {
            case CompoundAssignmentTree c ->
                c.getKind() == Tree.Kind.PLUS_ASSIGNMENT
                        && text(c.getVariable()).equals(variable);
            case AssignmentTree a ->
                text(a.getVariable()).equals(variable)
                        && Source.bare(a.getExpression()) instanceof BinaryTree sum
                        && sum.getKind() == Tree.Kind.PLUS
                        && (text(sum.getLeftOperand()).equals(variable)
                                || text(sum.getRightOperand()).equals(variable));
            default -> false;
        };
    }

    private void signShift(Tree tree, ExpressionTree distance) {
        boolean by31 = source.constant(distance)
                .filter(value -> value instanceof Number n && n.intValue() == SIGN_SHIFT)
                .isPresent();
        if (by31 && source.kind(tree) == TypeKind.INT) {
            refuse(Rule.SIGN_BIT, tree);
        }
    }

    private boolean isSignBit(ExpressionTree tree) {
        return source.constant(tree).equals(Optional.of(Integer.MIN_VALUE));
    }

    private boolean isSquare(ExpressionTree tree) {
        return tree instanceof BinaryTree product
                && product.getKind() == Tree.Kind.MULTIPLY
                && source.kind(product) == TypeKind.INT
                && text(product.getLeftOperand()).equals(text(product.getRightOperand()));
    }

    private boolean isFloating(ExpressionTree tree) {
        TypeKind kind = source.kind(tree);
        return kind == TypeKind.FLOAT || kind == TypeKind.DOUBLE;
    }

    private static String text(ExpressionTree tree) {
        return Source.bare(tree).toString();
    }

    @Override
    public @Nullable Void visitIdentifier(IdentifierTree tree, @Nullable Void unused) {
        nan(tree);
        return super.visitIdentifier(tree, null);
    }

    @Override
    public @Nullable Void visitMemberSelect(MemberSelectTree tree, @Nullable Void unused) {
        nan(tree);
        return super.visitMemberSelect(tree, null);
    }

    private void nan(ExpressionTree tree) {
        boolean isNan = source.constant(tree)
                .filter(value -> value instanceof Number n && Double.isNaN(n.doubleValue()))
                .isPresent();
        if (isNan) {
            refuse(Rule.NAN, tree);
        }
    }
}
