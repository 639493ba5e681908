package dev.gust.lint;

import com.sun.source.tree.AssertTree;
import com.sun.source.tree.BlockTree;
import com.sun.source.tree.BreakTree;
import com.sun.source.tree.ContinueTree;
import com.sun.source.tree.DoWhileLoopTree;
import com.sun.source.tree.EnhancedForLoopTree;
import com.sun.source.tree.ExpressionTree;
import com.sun.source.tree.ForLoopTree;
import com.sun.source.tree.LambdaExpressionTree;
import com.sun.source.tree.MemberReferenceTree;
import com.sun.source.tree.ReturnTree;
import com.sun.source.tree.StatementTree;
import com.sun.source.tree.ThrowTree;
import com.sun.source.tree.Tree;
import com.sun.source.tree.TryTree;
import com.sun.source.tree.VariableTree;
import com.sun.source.tree.WhileLoopTree;
import com.sun.source.util.TreePath;
import com.sun.source.util.TreeScanner;
import java.util.List;
import java.util.Optional;
import javax.lang.model.type.TypeKind;
import org.jspecify.annotations.Nullable;

/** Loops, jumps and exits. OpenCL, CUDA and Metal get source text, into which not every graph of blocks fits. */
final class ControlFlow extends Rules {
    private static final int RANGES = 3;

    private int loops;

    ControlFlow(KernelMethod method) {
        super(method);
    }

    @Override
    public @Nullable Void visitBreak(BreakTree tree, @Nullable Void unused) {
        if (tree.getLabel() != null) {
            refuse(Rule.LABELLED_JUMP, tree);
        }
        return super.visitBreak(tree, null);
    }

    @Override
    public @Nullable Void visitContinue(ContinueTree tree, @Nullable Void unused) {
        if (tree.getLabel() != null) {
            refuse(Rule.LABELLED_JUMP, tree);
        }
        return super.visitContinue(tree, null);
    }

    @Override
    public @Nullable Void visitReturn(ReturnTree tree, @Nullable Void unused) {
        if (loops > 0) {
            refuse(Rule.RETURN_IN_LOOP, tree);
        } else if (!method.entry() && !isLast(tree)) {
            refuse(Rule.MULTIPLE_RETURNS, tree);
        }
        return super.visitReturn(tree, null);
    }

    private boolean isLast(ReturnTree tree) {
        return method.body().getStatements().getLast().equals(tree);
    }

    @Override
    public @Nullable Void visitForLoop(ForLoopTree tree, @Nullable Void unused) {
        condition(Optional.ofNullable(tree.getCondition()));
        if (isParallel(tree)) {
            parallel(tree);
        }
        loops++;
        super.visitForLoop(tree, null);
        loops--;
        return null;
    }

    @Override
    public @Nullable Void visitWhileLoop(WhileLoopTree tree, @Nullable Void unused) {
        condition(Optional.of(tree.getCondition()));
        loops++;
        super.visitWhileLoop(tree, null);
        loops--;
        return null;
    }

    @Override
    public @Nullable Void visitDoWhileLoop(DoWhileLoopTree tree, @Nullable Void unused) {
        condition(Optional.of(tree.getCondition()));
        loops++;
        super.visitDoWhileLoop(tree, null);
        loops--;
        return null;
    }

    @Override
    public @Nullable Void visitEnhancedForLoop(EnhancedForLoopTree tree, @Nullable Void unused) {
        refuse(Rule.ENHANCED_FOR, tree);
        loops++;
        super.visitEnhancedForLoop(tree, null);
        loops--;
        return null;
    }

    private void condition(Optional<ExpressionTree> condition) {
        condition.filter(ControlFlow::hasOr).ifPresent(tree -> refuse(Rule.COMPOUND_LOOP_CONDITION, tree));
    }

    private static boolean hasOr(ExpressionTree condition) {
        boolean[] found = {false};
        new TreeScanner<@Nullable Void, @Nullable Void>() {
            @Override
            public @Nullable Void scan(Tree tree, @Nullable Void unused) {
                found[0] |= tree != null && tree.getKind() == Tree.Kind.CONDITIONAL_OR;
                return super.scan(tree, null);
            }
        }.scan(condition, null);
        return found[0];
    }

    private boolean isParallel(ForLoopTree tree) {
        return tree.getInitializer().stream()
                .anyMatch(start ->
                        source.element(start).filter(KernelMethod::isParallel).isPresent());
    }

    /** The loop must hold no index but an int, and stand alone in the @Parallel loop around it, if there is one. */
    private void parallel(ForLoopTree tree) {
        boolean int32 = tree.getInitializer().size() == 1
                && tree.getInitializer().getFirst() instanceof VariableTree index
                && source.kind(index.getType()) == TypeKind.INT;
        boolean perfect = true;
        boolean alone = true;
        int depth = 1;
        for (TreePath at = getCurrentPath(); !at.getLeaf().equals(method.tree()); at = at.getParentPath()) {
            Tree outer = at.getParentPath().getLeaf();
            if (outer instanceof ForLoopTree loop && isParallel(loop)) {
                depth++;
                perfect &= alone;
                alone = true;
            } else if (outer instanceof BlockTree block) {
                List<? extends StatementTree> statements = block.getStatements();
                alone &= statements.size() == 1;
            } else {
                alone = false;
            }
        }
        if (!int32 || !perfect || depth > RANGES) {
            refuse(Rule.PARALLEL_NESTING, tree);
        }
    }

    @Override
    public @Nullable Void visitThrow(ThrowTree tree, @Nullable Void unused) {
        refuse(Rule.EXCEPTION, tree);
        return null;
    }

    @Override
    public @Nullable Void visitTry(TryTree tree, @Nullable Void unused) {
        refuse(Rule.EXCEPTION, tree);
        return super.visitTry(tree, null);
    }

    @Override
    public @Nullable Void visitAssert(AssertTree tree, @Nullable Void unused) {
        refuse(Rule.EXCEPTION, tree);
        return null;
    }

    @Override
    public @Nullable Void visitLambdaExpression(LambdaExpressionTree tree, @Nullable Void unused) {
        refuse(Rule.LAMBDA, tree);
        return null;
    }

    @Override
    public @Nullable Void visitMemberReference(MemberReferenceTree tree, @Nullable Void unused) {
        refuse(Rule.LAMBDA, tree);
        return null;
    }
}
