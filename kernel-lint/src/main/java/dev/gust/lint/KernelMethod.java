package dev.gust.lint;

import com.sun.source.tree.BlockTree;
import com.sun.source.tree.ExpressionTree;
import com.sun.source.tree.MethodTree;
import com.sun.source.tree.VariableTree;
import com.sun.source.util.TreePath;
import com.sun.source.util.TreeScanner;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import javax.lang.model.element.AnnotationMirror;
import javax.lang.model.element.Element;
import javax.lang.model.element.ElementKind;
import javax.lang.model.element.ExecutableElement;
import javax.lang.model.type.TypeKind;
import org.jspecify.annotations.Nullable;

/**
 * A method under scrutiny.
 *
 * @param path where its tree is
 * @param entry whether it looks like a kernel that a task runs: it returns nothing, and it has a KernelContext or an
 *     {@code @Parallel} loop
 * @param initializers what local variables are declared with
 */
record KernelMethod(
        Source source,
        TreePath path,
        MethodTree tree,
        BlockTree body,
        ExecutableElement element,
        boolean entry,
        Map<Element, ExpressionTree> initializers) {
    private static final String CONTEXT = Source.API + "KernelContext";
    private static final String PARALLEL = Source.API + "annotations.Parallel";

    /** The method at a path, if it has a body and is no constructor. */
    static Optional<KernelMethod> of(Source source, TreePath path) {
        MethodTree tree = (MethodTree) path.getLeaf();
        Optional<BlockTree> body = Optional.ofNullable(tree.getBody());
        return source.element(tree)
                .filter(element -> element.getKind() == ElementKind.METHOD && body.isPresent())
                .map(element -> of(source, path, tree, body.get(), (ExecutableElement) element));
    }

    private static KernelMethod of(
            Source source, TreePath path, MethodTree tree, BlockTree body, ExecutableElement element) {
        Map<Element, ExpressionTree> initializers = new HashMap<>();
        boolean[] parallel = {false};
        new TreeScanner<@Nullable Void, @Nullable Void>() {
            @Override
            public @Nullable Void visitVariable(VariableTree variable, @Nullable Void unused) {
                source.element(variable).ifPresent(found -> {
                    Optional.ofNullable(variable.getInitializer()).ifPresent(value -> initializers.put(found, value));
                    parallel[0] |= isParallel(found);
                });
                return super.visitVariable(variable, null);
            }
        }.scan(body, null);
        boolean context = element.getParameters().stream().anyMatch(p -> CONTEXT.equals(Source.nameOf(p.asType())));
        boolean entry = element.getReturnType().getKind() == TypeKind.VOID && (context || parallel[0]);
        return new KernelMethod(source, path, tree, body, element, entry, Map.copyOf(initializers));
    }

    static boolean isParallel(Element variable) {
        return variable.getAnnotationMirrors().stream()
                .map(AnnotationMirror::getAnnotationType)
                .anyMatch(type -> PARALLEL.equals(Source.nameOf(type)));
    }

    static boolean isContext(Element owner) {
        return CONTEXT.equals(Source.nameOf(owner.asType()));
    }

    /** What an expression stands for: a local variable's initializer for its name, without parentheses. */
    ExpressionTree resolved(ExpressionTree tree) {
        ExpressionTree at = Source.bare(tree);
        return source.element(at)
                .flatMap(element -> Optional.ofNullable(initializers.get(element)))
                .map(Source::bare)
                .orElse(at);
    }
}
