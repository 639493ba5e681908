package dev.gust.lint;

import com.sun.source.tree.CompilationUnitTree;
import com.sun.source.tree.ExpressionTree;
import com.sun.source.tree.LiteralTree;
import com.sun.source.tree.ParenthesizedTree;
import com.sun.source.tree.Tree;
import com.sun.source.tree.TypeCastTree;
import com.sun.source.tree.UnaryTree;
import com.sun.source.util.TreePath;
import com.sun.source.util.Trees;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import javax.lang.model.element.Element;
import javax.lang.model.element.ExecutableElement;
import javax.lang.model.element.PackageElement;
import javax.lang.model.element.TypeElement;
import javax.lang.model.element.VariableElement;
import javax.lang.model.type.DeclaredType;
import javax.lang.model.type.TypeKind;
import javax.lang.model.type.TypeMirror;
import javax.lang.model.util.Types;
import javax.tools.Diagnostic;

/**
 * One attributed source file: what its trees mean, and the way to refuse one of them.
 *
 * @param packages packages of kernels
 * @param packageName package of this file
 */
record Source(Trees trees, Types types, CompilationUnitTree unit, List<String> packages, String packageName) {
    /** The package of TornadoVM's API. */
    static final String API = "uk.ac.manchester.tornado.api.";

    private static final int SHOWN = 80;

    static String packageOf(Element element) {
        Element at = element;
        while (!(at instanceof PackageElement)) {
            at = Objects.requireNonNull(at.getEnclosingElement());
        }
        return ((PackageElement) at).getQualifiedName().toString();
    }

    /** The type that declares a method. */
    static Element ownerOf(ExecutableElement method) {
        return Objects.requireNonNull(method.getEnclosingElement());
    }

    static boolean isWithin(List<String> packages, String name) {
        return packages.stream().anyMatch(p -> name.equals(p) || name.startsWith(p + "."));
    }

    /** Whether the file holds code for backends that have everything: a part of its package's name is sdk. */
    boolean isForSdk() {
        return List.of(packageName.split("\\.", -1)).contains("sdk");
    }

    /** Whether an element is declared in a package of kernels. */
    boolean isKernelCode(Element element) {
        return isWithin(packages, packageOf(element));
    }

    Optional<Element> element(Tree tree) {
        return Optional.ofNullable(trees.getElement(new TreePath(new TreePath(unit), tree)));
    }

    Optional<VariableElement> variable(Tree tree) {
        return element(tree).filter(VariableElement.class::isInstance).map(VariableElement.class::cast);
    }

    Optional<TypeMirror> type(Tree tree) {
        return Optional.ofNullable(trees.getTypeMirror(new TreePath(new TreePath(unit), tree)));
    }

    /** The kind of an expression's type; NONE where there is none. */
    TypeKind kind(Tree tree) {
        return type(tree).map(TypeMirror::getKind).orElse(TypeKind.NONE);
    }

    /** The full name of a declared type, or the empty string. */
    static String nameOf(TypeMirror type) {
        return type instanceof DeclaredType declared && declared.asElement() instanceof TypeElement element
                ? element.getQualifiedName().toString()
                : "";
    }

    /** The value of a literal, a negated literal or a constant variable. */
    Optional<Object> constant(ExpressionTree tree) {
        return switch (bare(tree)) {
            case LiteralTree literal -> Optional.ofNullable(literal.getValue());
            case UnaryTree unary
            when unary.getKind() == Tree.Kind.UNARY_MINUS ->
                constant(unary.getExpression()).map(Source::negated);
            case ExpressionTree other -> variable(other).map(VariableElement::getConstantValue);
        };
    }

    private static Object negated(Object value) {
        return switch (value) {
            case Integer i -> -i;
            case Long l -> -l;
            case Float f -> -f;
            case Double d -> -d;
            default -> value;
        };
    }

    /** An expression without parentheses. */
    static ExpressionTree bare(ExpressionTree tree) {
        ExpressionTree at = tree;
        while (at instanceof ParenthesizedTree parenthesized) {
            at = parenthesized.getExpression();
        }
        return at;
    }

    /** An expression without parentheses and casts. */
    static ExpressionTree uncast(ExpressionTree tree) {
        ExpressionTree at = bare(tree);
        while (at instanceof TypeCastTree cast) {
            at = bare(cast.getExpression());
        }
        return at;
    }

    void refuse(Rule rule, Tree where) {
        refuse(rule, where, rule.instead());
    }

    /** Makes the compilation fail at a place, with the rule, the construct and what to write instead. */
    void refuse(Rule rule, Tree where, String instead) {
        String construct = where.toString().strip().lines().findFirst().orElse("");
        String shown = construct.length() > SHOWN ? construct.substring(0, SHOWN) + "…" : construct;
        String message =
                "kernel-lint " + rule.id() + ": `" + shown + "`: " + rule.fault() + "; write instead: " + instead;
        trees.printMessage(Diagnostic.Kind.ERROR, message, where, unit);
    }
}
