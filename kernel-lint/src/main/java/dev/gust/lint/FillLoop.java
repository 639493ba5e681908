package dev.gust.lint;

import com.sun.source.tree.ArrayAccessTree;
import com.sun.source.tree.AssignmentTree;
import com.sun.source.tree.BinaryTree;
import com.sun.source.tree.BlockTree;
import com.sun.source.tree.BreakTree;
import com.sun.source.tree.ContinueTree;
import com.sun.source.tree.ExpressionStatementTree;
import com.sun.source.tree.ExpressionTree;
import com.sun.source.tree.ForLoopTree;
import com.sun.source.tree.IdentifierTree;
import com.sun.source.tree.StatementTree;
import com.sun.source.tree.Tree;
import com.sun.source.tree.UnaryTree;
import com.sun.source.tree.VariableTree;
import com.sun.source.util.TreeScanner;
import java.util.List;
import java.util.Optional;
import javax.lang.model.element.Element;
import org.jspecify.annotations.Nullable;

/**
 * The one form of a loop that fills a private array: {@code for (int i = 0; i < size; i++)}, in whose body
 * {@code a[i] = …} comes before the array is mentioned otherwise, and which nothing leaves early.
 *
 * @param size the size in {@code new float[size]}, as it is written
 */
record FillLoop(Source source, Element array, String size) {
    boolean isFill(StatementTree statement) {
        if (!(statement instanceof ForLoopTree loop)
                || loop.getInitializer().size() != 1
                || !(loop.getInitializer().getFirst() instanceof VariableTree index)) {
            return false;
        }
        Optional<Element> counter = source.element(index);
        boolean all = counter.isPresent()
                && startsAtZero(index)
                && endsAtSize(loop, counter.get())
                && stepsByOne(loop, counter.get());
        return all && !jumps(loop.getStatement()) && stores(loop.getStatement(), counter.get());
    }

    private boolean startsAtZero(VariableTree index) {
        return Optional.ofNullable(index.getInitializer())
                .flatMap(source::constant)
                .equals(Optional.of(0));
    }

    private boolean endsAtSize(ForLoopTree loop, Element counter) {
        if (!(loop.getCondition() instanceof BinaryTree test) || test.getKind() != Tree.Kind.LESS_THAN) {
            return false;
        }
        String end = Source.bare(test.getRightOperand()).toString();
        return isNamed(test.getLeftOperand(), counter)
                && (end.equals(size) || end.equals(array.getSimpleName() + ".length"));
    }

    private boolean stepsByOne(ForLoopTree loop, Element counter) {
        return loop.getUpdate().size() == 1
                && loop.getUpdate().getFirst().getExpression() instanceof UnaryTree step
                && (step.getKind() == Tree.Kind.POSTFIX_INCREMENT || step.getKind() == Tree.Kind.PREFIX_INCREMENT)
                && isNamed(step.getExpression(), counter);
    }

    private boolean stores(StatementTree body, Element counter) {
        List<? extends StatementTree> statements =
                body instanceof BlockTree block ? block.getStatements() : List.of(body);
        return statements.stream()
                .filter(this::mentions)
                .findFirst()
                .filter(first -> first instanceof ExpressionStatementTree expression
                        && expression.getExpression() instanceof AssignmentTree assignment
                        && assignment.getVariable() instanceof ArrayAccessTree element
                        && isNamed(element.getExpression(), array)
                        && isNamed(element.getIndex(), counter)
                        && !mentions(assignment.getExpression()))
                .isPresent();
    }

    private boolean isNamed(ExpressionTree tree, Element variable) {
        return source.element(Source.bare(tree)).equals(Optional.of(variable));
    }

    private static boolean jumps(StatementTree body) {
        boolean[] found = {false};
        new TreeScanner<@Nullable Void, @Nullable Void>() {
            @Override
            public @Nullable Void visitBreak(BreakTree tree, @Nullable Void unused) {
                found[0] = true;
                return super.visitBreak(tree, null);
            }

            @Override
            public @Nullable Void visitContinue(ContinueTree tree, @Nullable Void unused) {
                found[0] = true;
                return super.visitContinue(tree, null);
            }
        }.scan(body, null);
        return found[0];
    }

    /** Whether the array's name is anywhere in a tree. */
    boolean mentions(Tree tree) {
        boolean[] found = {false};
        new TreeScanner<@Nullable Void, @Nullable Void>() {
            @Override
            public @Nullable Void visitIdentifier(IdentifierTree name, @Nullable Void unused) {
                found[0] |= isNamed(name, array);
                return super.visitIdentifier(name, null);
            }
        }.scan(tree, null);
        return found[0];
    }
}
