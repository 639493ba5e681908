package dev.gust.lint;

import com.sun.source.tree.ClassTree;
import com.sun.source.tree.LambdaExpressionTree;
import com.sun.source.tree.Tree;
import com.sun.source.util.TreePathScanner;
import org.jspecify.annotations.Nullable;

/** A walk over one method that applies some of the rules. */
abstract class Rules extends TreePathScanner<@Nullable Void, @Nullable Void> {
    final KernelMethod method;
    final Source source;

    Rules(KernelMethod method) {
        this.method = method;
        this.source = method.source();
    }

    final void refuse(Rule rule, Tree where) {
        source.refuse(rule, where);
    }

    /** Lambdas are refused as such: what is in them is of no interest. */
    @Override
    public @Nullable Void visitLambdaExpression(LambdaExpressionTree tree, @Nullable Void unused) {
        return null;
    }

    /** Classes within methods likewise. */
    @Override
    public @Nullable Void visitClass(ClassTree tree, @Nullable Void unused) {
        return null;
    }
}
