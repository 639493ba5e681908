package dev.gust.lint;

import com.sun.source.tree.BinaryTree;
import com.sun.source.tree.ClassTree;
import com.sun.source.tree.ExpressionTree;
import com.sun.source.tree.IdentifierTree;
import com.sun.source.tree.InstanceOfTree;
import com.sun.source.tree.LiteralTree;
import com.sun.source.tree.MemberSelectTree;
import com.sun.source.tree.NewClassTree;
import com.sun.source.tree.SwitchExpressionTree;
import com.sun.source.tree.SwitchTree;
import com.sun.source.tree.SynchronizedTree;
import com.sun.source.tree.ThrowTree;
import com.sun.source.tree.Tree;
import com.sun.source.tree.TypeCastTree;
import com.sun.source.tree.VariableTree;
import javax.lang.model.element.ElementKind;
import javax.lang.model.element.Modifier;
import javax.lang.model.element.VariableElement;
import javax.lang.model.type.TypeKind;
import org.jspecify.annotations.Nullable;

/** Objects, strings and static variables, and the float types that not every device has. */
final class References extends Rules {
    private static final String STRING = "java.lang.String";
    private static final String VECTORS = Source.API + "types.vectors.";

    References(KernelMethod method) {
        super(method);
    }

    @Override
    public @Nullable Void visitNewClass(NewClassTree tree, @Nullable Void unused) {
        String type = source.type(tree).map(Source::nameOf).orElse("");
        if (Calls.isSmallFloat(type) && type.startsWith(Source.API)) {
            smallFloat(tree);
        } else if (!type.startsWith(VECTORS)) {
            refuse(Rule.OBJECT, tree);
        }
        return super.visitNewClass(tree, null);
    }

    @Override
    public @Nullable Void visitInstanceOf(InstanceOfTree tree, @Nullable Void unused) {
        refuse(Rule.OBJECT, tree);
        return null;
    }

    @Override
    public @Nullable Void visitClass(ClassTree tree, @Nullable Void unused) {
        refuse(Rule.OBJECT, tree);
        return null;
    }

    /** An exception is refused as such: what it is made of is of no interest. */
    @Override
    public @Nullable Void visitThrow(ThrowTree tree, @Nullable Void unused) {
        return null;
    }

    @Override
    public @Nullable Void visitSynchronized(SynchronizedTree tree, @Nullable Void unused) {
        refuse(Rule.OBJECT, tree);
        return super.visitSynchronized(tree, null);
    }

    @Override
    public @Nullable Void visitTypeCast(TypeCastTree tree, @Nullable Void unused) {
        if (!source.kind(tree).isPrimitive()) {
            refuse(Rule.OBJECT, tree);
        }
        return super.visitTypeCast(tree, null);
    }

    @Override
    public @Nullable Void visitSwitch(SwitchTree tree, @Nullable Void unused) {
        selector(tree.getExpression());
        return super.visitSwitch(tree, null);
    }

    @Override
    public @Nullable Void visitSwitchExpression(SwitchExpressionTree tree, @Nullable Void unused) {
        selector(tree.getExpression());
        return super.visitSwitchExpression(tree, null);
    }

    private void selector(ExpressionTree tree) {
        if (!source.kind(tree).isPrimitive()) {
            refuse(Rule.OBJECT, tree);
        }
    }

    @Override
    public @Nullable Void visitLiteral(LiteralTree tree, @Nullable Void unused) {
        if (tree.getKind() == Tree.Kind.STRING_LITERAL) {
            refuse(Rule.STRING, tree);
        } else if (tree.getKind() == Tree.Kind.NULL_LITERAL) {
            refuse(Rule.OBJECT, tree);
        }
        return super.visitLiteral(tree, null);
    }

    @Override
    public @Nullable Void visitBinary(BinaryTree tree, @Nullable Void unused) {
        if (source.type(tree).map(Source::nameOf).filter(STRING::equals).isPresent()) {
            refuse(Rule.STRING, tree);
            return null;
        }
        return super.visitBinary(tree, null);
    }

    @Override
    public @Nullable Void visitVariable(VariableTree tree, @Nullable Void unused) {
        String name = source.type(tree).map(Source::nameOf).orElse("");
        if (name.equals(STRING)) {
            refuse(Rule.STRING, tree);
            return null;
        }
        if (Calls.isSmallFloat(name) && name.startsWith(Source.API)) {
            smallFloat(tree);
        } else if (source.kind(tree) == TypeKind.DECLARED && !name.startsWith(Source.API)) {
            refuse(Rule.OBJECT, tree);
        }
        return scan(tree.getInitializer(), null);
    }

    private void smallFloat(Tree tree) {
        if (!source.isForSdk()) {
            refuse(Rule.HALF_FLOAT, tree);
        }
    }

    @Override
    public @Nullable Void visitIdentifier(IdentifierTree tree, @Nullable Void unused) {
        source.variable(tree).ifPresent(variable -> statics(tree, variable));
        return super.visitIdentifier(tree, null);
    }

    @Override
    public @Nullable Void visitMemberSelect(MemberSelectTree tree, @Nullable Void unused) {
        source.variable(tree).ifPresent(variable -> statics(tree, variable));
        return super.visitMemberSelect(tree, null);
    }

    private void statics(ExpressionTree tree, VariableElement variable) {
        boolean field = variable.getKind() == ElementKind.FIELD || variable.getKind() == ElementKind.ENUM_CONSTANT;
        if (!field || !variable.getModifiers().contains(Modifier.STATIC)) {
            return;
        }
        if (Source.nameOf(variable.asType()).equals(STRING)) {
            refuse(Rule.STRING, tree);
        } else if (!variable.getModifiers().contains(Modifier.FINAL)) {
            refuse(Rule.MUTABLE_STATIC, tree);
        } else if (!variable.asType().getKind().isPrimitive()) {
            refuse(Rule.STATIC_TABLE, tree);
        }
    }
}
