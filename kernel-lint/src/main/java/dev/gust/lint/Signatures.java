package dev.gust.lint;

import com.sun.source.tree.VariableTree;
import java.util.List;
import javax.lang.model.element.AnnotationMirror;
import javax.lang.model.type.TypeKind;

/** Names and parameters of kernels and their pieces. */
final class Signatures {
    private static final String REDUCE = Source.API + "annotations.Reduce";

    /** A task of TornadoVM's API 1.1 has up to this many arguments. */
    private static final int ARGUMENTS = 15;

    private Signatures() {}

    static void check(KernelMethod method) {
        Source source = method.source();
        if (OpenClNames.contains(method.element().getSimpleName().toString())) {
            source.refuse(Rule.OPENCL_NAME, method.tree());
        }
        List<? extends VariableTree> parameters = method.tree().getParameters();
        if (method.entry() && parameters.size() > ARGUMENTS) {
            source.refuse(Rule.PARAMETER_COUNT, method.tree());
        }
        for (VariableTree parameter : parameters) {
            if (method.entry() && source.kind(parameter) == TypeKind.BOOLEAN) {
                source.refuse(Rule.BOOLEAN_PARAMETER, parameter);
            }
            if (isReduced(source, parameter)) {
                source.refuse(Rule.REDUCE, parameter);
            }
        }
    }

    private static boolean isReduced(Source source, VariableTree parameter) {
        return source.element(parameter).stream()
                .flatMap(element -> element.getAnnotationMirrors().stream())
                .map(AnnotationMirror::getAnnotationType)
                .anyMatch(type -> REDUCE.equals(Source.nameOf(type)));
    }
}
