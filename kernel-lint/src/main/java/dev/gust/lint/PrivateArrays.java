package dev.gust.lint;

import com.sun.source.tree.BlockTree;
import com.sun.source.tree.NewArrayTree;
import com.sun.source.tree.StatementTree;
import com.sun.source.tree.VariableTree;
import com.sun.source.util.TreePath;
import java.util.EnumSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import javax.lang.model.element.Element;
import javax.lang.model.type.ArrayType;
import javax.lang.model.type.TypeKind;
import org.jspecify.annotations.Nullable;

/** Arrays that a work-item has for itself: their types and sizes, and that they are filled before they are read. */
final class PrivateArrays extends Rules {
    private static final Set<TypeKind> RIGHT = EnumSet.of(TypeKind.FLOAT, TypeKind.INT, TypeKind.LONG, TypeKind.DOUBLE);

    PrivateArrays(KernelMethod method) {
        super(method);
    }

    @Override
    public @Nullable Void visitNewArray(NewArrayTree tree, @Nullable Void unused) {
        TypeKind element = source.type(tree).orElse(null) instanceof ArrayType type
                ? type.getComponentType().getKind()
                : TypeKind.NONE;
        if (element == TypeKind.ARRAY) {
            refuse(Rule.ARRAY_2D, tree);
            return null;
        }
        if (!RIGHT.contains(element)) {
            refuse(Rule.ARRAY_TYPE, tree);
        } else if (tree.getInitializers() == null) {
            ArraySizes.check(method, tree.getDimensions().getFirst());
            if (!isFilledAtOnce(tree)) {
                refuse(Rule.UNFILLED_ARRAY, tree);
            }
        }
        return super.visitNewArray(tree, null);
    }

    /** Whether the first statement behind the declaration that mentions the array is a loop that fills it. */
    private boolean isFilledAtOnce(NewArrayTree tree) {
        TreePath declaration = getCurrentPath().getParentPath();
        if (!(declaration.getLeaf() instanceof VariableTree variable)
                || !(declaration.getParentPath().getLeaf() instanceof BlockTree block)) {
            return false;
        }
        Element array = source.element(variable).orElseThrow();
        FillLoop fill =
                new FillLoop(source, array, tree.getDimensions().getFirst().toString());
        List<? extends StatementTree> statements = block.getStatements();
        Optional<? extends StatementTree> first =
                statements.subList(statements.indexOf(variable) + 1, statements.size()).stream()
                        .filter(fill::mentions)
                        .findFirst();
        return first.isEmpty() || fill.isFill(first.get());
    }
}
