package dev.gust.lint;

import com.sun.source.tree.BinaryTree;
import com.sun.source.tree.BlockTree;
import com.sun.source.tree.BreakTree;
import com.sun.source.tree.CaseTree;
import com.sun.source.tree.ContinueTree;
import com.sun.source.tree.ExpressionTree;
import com.sun.source.tree.IfTree;
import com.sun.source.tree.ReturnTree;
import com.sun.source.tree.StatementTree;
import com.sun.source.tree.SwitchExpressionTree;
import com.sun.source.tree.SwitchTree;
import com.sun.source.tree.Tree;
import com.sun.source.tree.YieldTree;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import javax.lang.model.element.Element;
import org.jspecify.annotations.Nullable;

/** Switches, and the chains of ifs that TornadoVM's compiler makes switches of. */
final class Branches extends Rules {
    /** Chains of up to this many tests were seen to be right. */
    private static final int TESTS = 11;

    Branches(KernelMethod method) {
        super(method);
    }

    @Override
    public @Nullable Void visitSwitch(SwitchTree tree, @Nullable Void unused) {
        cases(tree, tree.getCases());
        return super.visitSwitch(tree, null);
    }

    @Override
    public @Nullable Void visitSwitchExpression(SwitchExpressionTree tree, @Nullable Void unused) {
        cases(tree, tree.getCases());
        return super.visitSwitchExpression(tree, null);
    }

    private void cases(Tree tree, List<? extends CaseTree> cases) {
        for (CaseTree one : cases) {
            boolean last = one.equals(cases.getLast());
            if (one.getLabels().size() > 1 || (!last && fallsThrough(one))) {
                refuse(Rule.SHARED_CASE, one);
            }
        }
        if (cases.stream().mapToInt(one -> one.getExpressions().size()).sum() > TESTS) {
            refuse(Rule.LONG_CHAIN, tree);
        }
    }

    /** Whether a group of the old form may run on into the next: its last statement is no jump. */
    private static boolean fallsThrough(CaseTree one) {
        return one.getCaseKind() == CaseTree.CaseKind.STATEMENT
                && (one.getStatements().isEmpty() || !isJump(one.getStatements().getLast()));
    }

    private static boolean isJump(StatementTree statement) {
        return switch (statement) {
            case BreakTree _, ContinueTree _, ReturnTree _, YieldTree _ -> true;
            case BlockTree block
            when !block.getStatements().isEmpty() ->
                isJump(block.getStatements().getLast());
            default -> false;
        };
    }

    @Override
    public @Nullable Void visitIf(IfTree tree, @Nullable Void unused) {
        boolean first = !(getCurrentPath().getParentPath().getLeaf() instanceof IfTree outer
                && tree.equals(outer.getElseStatement()));
        if (first) {
            Map<Element, Integer> tests = new HashMap<>();
            Optional<IfTree> at = Optional.of(tree);
            while (at.isPresent()) {
                tested(at.get().getCondition()).ifPresent(variable -> tests.merge(variable, 1, Integer::sum));
                at = Optional.ofNullable(at.get().getElseStatement())
                        .filter(IfTree.class::isInstance)
                        .map(IfTree.class::cast);
            }
            if (tests.values().stream().anyMatch(count -> count > TESTS)) {
                refuse(Rule.LONG_CHAIN, tree);
            }
        }
        return super.visitIf(tree, null);
    }

    /** The variable in {@code variable == constant}. */
    private Optional<Element> tested(ExpressionTree condition) {
        return Source.bare(condition) instanceof BinaryTree test && test.getKind() == Tree.Kind.EQUAL_TO
                ? source.constant(test.getRightOperand())
                        .flatMap(value -> source.element(Source.bare(test.getLeftOperand())))
                        .or(() -> source.constant(test.getLeftOperand())
                                .flatMap(value -> source.element(Source.bare(test.getRightOperand()))))
                : Optional.empty();
    }
}
