package dev.gust.runtime.emulator;

import java.lang.classfile.Attributes;
import java.lang.classfile.ClassFile;
import java.lang.classfile.ClassTransform;
import java.lang.classfile.CodeBuilder;
import java.lang.classfile.CodeElement;
import java.lang.classfile.CodeModel;
import java.lang.classfile.CodeTransform;
import java.lang.classfile.Label;
import java.lang.classfile.MethodModel;
import java.lang.classfile.MethodTransform;
import java.lang.classfile.TypeKind;
import java.lang.classfile.attribute.StackMapFrameInfo;
import java.lang.classfile.attribute.StackMapFrameInfo.ObjectVerificationTypeInfo;
import java.lang.classfile.attribute.StackMapFrameInfo.SimpleVerificationTypeInfo;
import java.lang.classfile.attribute.StackMapFrameInfo.VerificationTypeInfo;
import java.lang.classfile.instruction.InvokeInstruction;
import java.lang.classfile.instruction.LabelTarget;
import java.lang.classfile.instruction.LineNumber;
import java.lang.classfile.instruction.SwitchCase;
import java.lang.constant.ClassDesc;
import java.lang.constant.ConstantDescs;
import java.lang.constant.MethodTypeDesc;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * Second step of rewriting a class: a method that meets a barrier can be left there and entered again. At a point where
 * that may happen, its variables and what lies on its operand stack go to {@link CallFrames}, and it returns; when it is
 * called again, a switch at its beginning leads to code that fetches them and jumps behind the point. (Barriers by such
 * means are what compilers of OpenCL for CPUs do, too; threads that wait for each other cost microseconds at each.)
 */
final class BarrierRewriter {
    private final ClassFile format;

    BarrierRewriter(ClassLoader loader) {
        this.format = AccessRewriter.classFile(loader);
    }

    byte[] rewrite(byte[] checked) {
        return format.transformClass(
                format.parse(checked), ClassTransform.transformingMethods(BarrierRewriter::isTwin, (MethodTransform)
                        (builder, element) -> {
                            if (element instanceof CodeModel code
                                    && !points(code).isEmpty()) {
                                MethodModel method = code.parent().orElseThrow();
                                builder.transformCode(
                                        code,
                                        CodeTransform.ofStateful(
                                                () -> new Barriers(method.methodTypeSymbol(), points(code))));
                            } else {
                                builder.with(element);
                            }
                        }));
    }

    private static boolean isTwin(MethodModel method) {
        List<ClassDesc> parameters = method.methodTypeSymbol().parameterList();
        return !parameters.isEmpty() && parameters.getLast().equals(AccessRewriter.ITEM);
    }

    /**
     * A variable, or a place on the operand stack.
     *
     * @param slot the variable's; −1 on the stack
     * @param type its type; {@link ConstantDescs#CD_void} for what is null for certain
     */
    private record Value(int slot, ClassDesc type) {
        TypeKind kind() {
            return isNull() ? TypeKind.REFERENCE : TypeKind.from(type).asLoadable();
        }

        boolean isNull() {
            return type.equals(ConstantDescs.CD_void);
        }
    }

    /**
     * A point where a method may be left.
     *
     * @param barrier whether it is a barrier; a call of a method that may meet one otherwise
     * @param variables what to keep of the variables
     * @param stack what lies on the stack below the operands of the call, lowest first
     */
    private record Point(boolean barrier, List<Value> variables, List<Value> stack) {}

    private static boolean isBarrier(InvokeInstruction call) {
        return call.owner().asSymbol().equals(AccessRewriter.FRAMES);
    }

    private static boolean isPoint(CodeElement element) {
        if (!(element instanceof InvokeInstruction call)) {
            return false;
        }
        if (isBarrier(call)) {
            return true;
        }
        List<ClassDesc> parameters = call.typeSymbol().parameterList();
        return parameters.contains(AccessRewriter.CONTEXT)
                && parameters.getLast().equals(AccessRewriter.ITEM)
                && !call.owner().asSymbol().equals(AccessRewriter.ITEM);
    }

    /** The points of a method, in order. */
    private static List<Point> points(CodeModel code) {
        var frames = new HashMap<Label, StackMapFrameInfo>();
        code.findAttribute(Attributes.stackMapTable())
                .ifPresent(table -> table.entries().forEach(frame -> frames.put(frame.target(), frame)));
        var points = new ArrayList<Point>();
        Optional<StackMapFrameInfo> frame = Optional.empty();
        for (CodeElement element : code) {
            if (element instanceof LabelTarget target && frames.containsKey(target.label())) {
                frame = Optional.of(frames.get(target.label()));
            } else if (isPoint(element)) {
                points.add(point((InvokeInstruction) element, frame.orElseThrow()));
            }
        }
        return points;
    }

    private static Point point(InvokeInstruction call, StackMapFrameInfo frame) {
        int operands = isBarrier(call) ? 1 : call.typeSymbol().parameterCount();
        var variables = new ArrayList<Value>();
        int slot = 0;
        for (VerificationTypeInfo type : frame.locals()) {
            if (type != SimpleVerificationTypeInfo.TOP) {
                variables.add(new Value(slot, type(type)));
            }
            slot += wide(type) ? 2 : 1;
        }
        List<Value> stack = frame.stack().subList(0, frame.stack().size() - operands).stream()
                .map(type -> new Value(-1, type(type)))
                .toList();
        return new Point(isBarrier(call), List.copyOf(variables), stack);
    }

    private static boolean wide(VerificationTypeInfo type) {
        return type == SimpleVerificationTypeInfo.LONG || type == SimpleVerificationTypeInfo.DOUBLE;
    }

    private static ClassDesc type(VerificationTypeInfo type) {
        return switch (type) {
            case ObjectVerificationTypeInfo object -> object.classSymbol();
            case SimpleVerificationTypeInfo.INTEGER -> ConstantDescs.CD_int;
            case SimpleVerificationTypeInfo.LONG -> ConstantDescs.CD_long;
            case SimpleVerificationTypeInfo.FLOAT -> ConstantDescs.CD_float;
            case SimpleVerificationTypeInfo.DOUBLE -> ConstantDescs.CD_double;
            case SimpleVerificationTypeInfo.NULL -> ConstantDescs.CD_void;
            default ->
                throw new KernelFault(
                        "meets a barrier among the arguments of a constructor", "compute the argument beforehand");
        };
    }

    /** Rewrites one method's code. */
    private static final class Barriers implements CodeTransform {
        private final MethodTypeDesc type;
        private final List<Point> points;
        private final List<Label> restoring = new ArrayList<>();
        private final List<Label> continuing = new ArrayList<>();
        private final List<List<Integer>> spares = new ArrayList<>();
        private int item;
        private int frames;
        private int next;
        private int line;

        Barriers(MethodTypeDesc type, List<Point> points) {
            this.type = type;
            this.points = points;
        }

        @Override
        public void atStart(CodeBuilder code) {
            item = code.allocateLocal(TypeKind.REFERENCE);
            frames = code.allocateLocal(TypeKind.REFERENCE);
            var cases = new ArrayList<SwitchCase>();
            for (Point point : points) {
                restoring.add(code.newLabel());
                continuing.add(code.newLabel());
                spares.add(point.stack().stream()
                        .map(v -> code.allocateLocal(v.kind()))
                        .toList());
                cases.add(SwitchCase.of(restoring.size(), restoring.getLast()));
            }
            code.aload(AccessRewriter.slots(type) - 1).astore(item);
            code.aload(item).invokevirtual(AccessRewriter.ITEM, "frames", MethodTypeDesc.of(AccessRewriter.FRAMES));
            code.astore(frames);
            Label beginning = code.newLabel();
            code.aload(frames);
            invoke(code, "enter", ConstantDescs.CD_int);
            code.tableswitch(1, points.size(), beginning, cases).labelBinding(beginning);
        }

        @Override
        public void accept(CodeBuilder code, CodeElement element) {
            if (element instanceof LineNumber number) {
                line = number.line();
            }
            if (!isPoint(element)) {
                code.with(element);
                return;
            }
            int point = next++;
            if (points.get(point).barrier()) {
                barrier(code, (InvokeInstruction) element, point);
            } else {
                call(code, (InvokeInstruction) element, point);
            }
        }

        private void barrier(CodeBuilder code, InvokeInstruction barrier, int point) {
            code.pop();
            save(code, point);
            code.aload(frames).loadConstant(point + 1).loadConstant(line);
            invoke(
                    code,
                    barrier.name().stringValue(),
                    ConstantDescs.CD_void,
                    ConstantDescs.CD_int,
                    ConstantDescs.CD_int);
            leave(code);
            code.labelBinding(continuing.get(point));
        }

        private void call(CodeBuilder code, InvokeInstruction call, int point) {
            code.labelBinding(continuing.get(point));
            code.aload(frames).loadConstant(point + 1);
            invoke(code, "call", ConstantDescs.CD_void, ConstantDescs.CD_int);
            code.with(call);
            code.aload(frames);
            invoke(code, "returned", ConstantDescs.CD_boolean);
            Label done = code.newLabel();
            code.ifeq(done);
            switch (TypeKind.from(call.typeSymbol().returnType()).slotSize()) {
                case 0 -> {}
                case 1 -> code.pop();
                default -> code.pop2();
            }
            save(code, point);
            code.aload(frames).loadConstant(point + 1);
            invoke(code, "leave", ConstantDescs.CD_void, ConstantDescs.CD_int);
            leave(code);
            code.labelBinding(done);
            calls.put(point, call.typeSymbol());
        }

        /** The types of the calls, for the operands with which they are made again. */
        private final Map<Integer, MethodTypeDesc> calls = new HashMap<>();

        @Override
        public void atEnd(CodeBuilder code) {
            for (int point = 0; point < points.size(); point++) {
                code.labelBinding(restoring.get(point));
                restore(code, point);
                if (calls.containsKey(point)) {
                    // What the call's operands were, the callee has saved with its variables.
                    for (ClassDesc parameter : calls.get(point).parameterList()) {
                        if (parameter.equals(AccessRewriter.CONTEXT) || parameter.equals(AccessRewriter.ITEM)) {
                            code.aload(item);
                        } else {
                            zero(code, TypeKind.from(parameter));
                        }
                    }
                }
                code.goto_(continuing.get(point));
            }
        }

        private void leave(CodeBuilder code) {
            TypeKind kind = TypeKind.from(type.returnType());
            if (kind != TypeKind.VOID) {
                zero(code, kind);
            }
            code.return_(kind);
        }

        private static void zero(CodeBuilder code, TypeKind kind) {
            switch (kind.asLoadable()) {
                case INT -> code.iconst_0();
                case LONG -> code.lconst_0();
                case FLOAT -> code.fconst_0();
                case DOUBLE -> code.dconst_0();
                default -> code.aconst_null();
            }
        }

        private void save(CodeBuilder code, int point) {
            List<Value> stack = points.get(point).stack();
            for (int i = stack.size() - 1; i >= 0; i--) {
                code.storeLocal(stack.get(i).kind(), spares.get(point).get(i));
            }
            for (Value variable : points.get(point).variables()) {
                save(code, variable, variable.slot());
            }
            for (int i = 0; i < stack.size(); i++) {
                save(code, stack.get(i), spares.get(point).get(i));
            }
        }

        private void save(CodeBuilder code, Value value, int slot) {
            if (!value.isNull()) {
                code.aload(frames).loadLocal(value.kind(), slot);
                invoke(
                        code,
                        "save" + suffix(value),
                        ConstantDescs.CD_void,
                        value.kind().upperBound());
            }
        }

        private void restore(CodeBuilder code, int point) {
            List<Value> stack = points.get(point).stack();
            for (int i = stack.size() - 1; i >= 0; i--) {
                restore(code, stack.get(i), spares.get(point).get(i));
            }
            for (Value variable : points.get(point).variables().reversed()) {
                restore(code, variable, variable.slot());
            }
            for (int i = 0; i < stack.size(); i++) {
                code.loadLocal(stack.get(i).kind(), spares.get(point).get(i));
            }
        }

        private void restore(CodeBuilder code, Value value, int slot) {
            if (value.isNull()) {
                code.aconst_null();
            } else {
                code.aload(frames);
                invoke(code, "restore" + suffix(value), value.kind().upperBound());
                if (value.kind() == TypeKind.REFERENCE) {
                    code.checkcast(value.type());
                }
            }
            code.storeLocal(value.kind(), slot);
        }

        private static String suffix(Value value) {
            return switch (value.kind()) {
                case INT -> "Int";
                case LONG -> "Long";
                case FLOAT -> "Float";
                case DOUBLE -> "Double";
                default -> "Reference";
            };
        }

        private static void invoke(CodeBuilder code, String name, ClassDesc result, ClassDesc... parameters) {
            code.invokevirtual(AccessRewriter.FRAMES, name, MethodTypeDesc.of(result, parameters));
        }
    }
}
