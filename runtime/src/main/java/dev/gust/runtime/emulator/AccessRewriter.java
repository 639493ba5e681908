package dev.gust.runtime.emulator;

import java.lang.classfile.ClassFile;
import java.lang.classfile.ClassHierarchyResolver;
import java.lang.classfile.ClassTransform;
import java.lang.classfile.CodeBuilder;
import java.lang.classfile.CodeElement;
import java.lang.classfile.CodeTransform;
import java.lang.classfile.Label;
import java.lang.classfile.MethodModel;
import java.lang.classfile.Opcode;
import java.lang.classfile.TypeKind;
import java.lang.classfile.instruction.ArrayLoadInstruction;
import java.lang.classfile.instruction.ArrayStoreInstruction;
import java.lang.classfile.instruction.FieldInstruction;
import java.lang.classfile.instruction.InvokeInstruction;
import java.lang.classfile.instruction.LineNumber;
import java.lang.classfile.instruction.LocalVariable;
import java.lang.classfile.instruction.LocalVariableType;
import java.lang.constant.ClassDesc;
import java.lang.constant.ConstantDescs;
import java.lang.constant.MethodTypeDesc;
import java.lang.reflect.AccessFlag;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import uk.ac.manchester.tornado.api.KernelContext;

/**
 * First step of rewriting a class: each static method gets a twin with the work-item as an additional, last parameter.
 * The twin reads identifiers from it, calls twins, and asks {@link KernelChecks} before it touches an array.
 *
 * <p>Before whatever may suspend the work-item the twin has a branch to the next instruction, for the sake of the frame
 * that class files must have at the target of a branch: it tells {@link BarrierRewriter} the types of all variables.
 */
final class AccessRewriter {
    static final ClassDesc CONTEXT = KernelContext.class.describeConstable().orElseThrow();
    static final ClassDesc ITEM = EmulatedContext.class.describeConstable().orElseThrow();
    static final ClassDesc FRAMES = CallFrames.class.describeConstable().orElseThrow();
    private static final ClassDesc CHECKS =
            KernelChecks.class.describeConstable().orElseThrow();

    private static final List<String> EXCHANGES = List.of("simdSum", "simdShuffleDown", "simdBroadcastFirst");

    private final ClassFile format;

    AccessRewriter(ClassLoader loader) {
        this.format = classFile(loader);
    }

    /** How class files are read and written: frames are computed anew, with the types that a loader knows. */
    static ClassFile classFile(ClassLoader loader) {
        return ClassFile.of(
                ClassFile.ClassHierarchyResolverOption.of(ClassHierarchyResolver.ofResourceParsing(loader)
                        .orElse(ClassHierarchyResolver.defaultResolver())),
                ClassFile.StackMapsOption.GENERATE_STACK_MAPS);
    }

    byte[] rewrite(byte[] original) {
        return format.transformClass(format.parse(original), (ClassTransform) (builder, element) -> {
            builder.with(element);
            if (element instanceof MethodModel method && hasTwin(method)) {
                MethodTypeDesc type = method.methodTypeSymbol();
                builder.withMethod(
                        method.methodName().stringValue(),
                        twin(type),
                        ClassFile.ACC_PUBLIC | ClassFile.ACC_STATIC,
                        m -> m.transformCode(
                                method.code().orElseThrow(),
                                CodeTransform.ofStateful(() -> new Accesses(slots(type)))));
            }
        });
    }

    private static boolean hasTwin(MethodModel method) {
        return method.flags().has(AccessFlag.STATIC)
                && method.code().isPresent()
                && !method.methodName().equalsString(ConstantDescs.CLASS_INIT_NAME);
    }

    static MethodTypeDesc twin(MethodTypeDesc type) {
        return type.insertParameterTypes(type.parameterCount(), ITEM);
    }

    /** Slots of a static method's parameters. */
    static int slots(MethodTypeDesc type) {
        int slots = 0;
        for (ClassDesc parameter : type.parameterList()) {
            slots += TypeKind.from(parameter).slotSize();
        }
        return slots;
    }

    /** Rewrites one method's code. */
    private static final class Accesses implements CodeTransform {
        private final int itemParameter;
        private final Map<TypeKind, Integer> spares = new EnumMap<>(TypeKind.class);
        private int item;
        private int index;
        private int allocations;
        private int line;

        Accesses(int itemParameter) {
            this.itemParameter = itemParameter;
        }

        @Override
        public void atStart(CodeBuilder code) {
            // The original uses the parameter's slot for a variable of its own.
            item = code.allocateLocal(TypeKind.REFERENCE);
            index = code.allocateLocal(TypeKind.INT);
            code.aload(itemParameter).astore(item);
        }

        @Override
        public void accept(CodeBuilder code, CodeElement element) {
            switch (element) {
                case LineNumber number -> {
                    line = number.line();
                    code.with(number);
                }
                case LocalVariable _ -> {}
                case LocalVariableType _ -> {}
                case FieldInstruction field
                when field.opcode() == Opcode.GETFIELD
                        && field.owner().asSymbol().equals(CONTEXT) ->
                    code.pop()
                            .aload(item)
                            .invokevirtual(
                                    ITEM, field.name().stringValue(), MethodTypeDesc.of(ConstantDescs.CD_Integer));
                case ArrayLoadInstruction load
                when load.typeKind() != TypeKind.REFERENCE -> {
                    code.dup2().aload(item);
                    code.invokestatic(
                            CHECKS,
                            "read",
                            MethodTypeDesc.of(
                                    ConstantDescs.CD_void, ConstantDescs.CD_Object, ConstantDescs.CD_int, ITEM));
                    code.with(load);
                }
                case ArrayStoreInstruction store when store.typeKind() != TypeKind.REFERENCE -> store(code, store);
                case InvokeInstruction call -> call(code, call);
                default -> code.with(element);
            }
        }

        private int spare(CodeBuilder code, TypeKind kind) {
            return spares.computeIfAbsent(kind.asLoadable(), code::allocateLocal);
        }

        private void store(CodeBuilder code, ArrayStoreInstruction store) {
            TypeKind kind = store.typeKind().asLoadable();
            int value = spare(code, kind);
            code.storeLocal(kind, value).dup2().loadLocal(kind, value).aload(item);
            code.invokestatic(
                    CHECKS,
                    "write",
                    MethodTypeDesc.of(
                            ConstantDescs.CD_void,
                            ConstantDescs.CD_Object,
                            ConstantDescs.CD_int,
                            kind.upperBound(),
                            ITEM));
            code.loadLocal(kind, value).with(store);
        }

        private void call(CodeBuilder code, InvokeInstruction call) {
            ClassDesc owner = call.owner().asSymbol();
            String name = call.name().stringValue();
            if (owner.equals(CONTEXT) && call.opcode() == Opcode.INVOKEVIRTUAL) {
                contextCall(code, call, name);
            } else if (isElementAccess(call, owner, name)) {
                elementAccess(code, call, owner);
            } else if (call.opcode() == Opcode.INVOKESTATIC && !KernelLoader.isShared(className(owner))) {
                MethodTypeDesc type = call.typeSymbol();
                code.aload(item);
                if (type.parameterList().contains(CONTEXT)) {
                    markSuspension(code);
                }
                code.invokestatic(owner, name, twin(type), call.isInterface());
            } else {
                code.with(call);
            }
        }

        private void contextCall(CodeBuilder code, InvokeInstruction call, String name) {
            if (name.equals("localBarrier") || name.equals("globalBarrier")) {
                code.pop().aload(item).invokevirtual(ITEM, "frames", MethodTypeDesc.of(FRAMES));
                markSuspension(code);
                suspension(code, name);
            } else if (EXCHANGES.contains(name)) {
                MethodTypeDesc type = call.typeSymbol();
                code.aload(item);
                code.invokestatic(
                        ITEM,
                        "offer",
                        twin(type.insertParameterTypes(0, CONTEXT)).changeReturnType(ConstantDescs.CD_void));
                code.aload(item).invokevirtual(ITEM, "frames", MethodTypeDesc.of(FRAMES));
                markSuspension(code);
                suspension(code, "exchange");
                code.aload(item).invokevirtual(ITEM, name, MethodTypeDesc.of(type.returnType()));
            } else if (name.startsWith("allocate")
                    && isPrimitiveArray(call.typeSymbol().returnType())) {
                allocations++;
                code.aload(item).loadConstant(allocations).loadConstant(line);
                code.invokevirtual(
                        ITEM,
                        "allocates",
                        MethodTypeDesc.of(ConstantDescs.CD_void, ConstantDescs.CD_int, ConstantDescs.CD_int));
                // On the work-item's own class: not every version of the API has an allocation for every type.
                code.istore(index).pop().aload(item).iload(index);
                code.invokevirtual(ITEM, name, call.typeSymbol());
            } else if (name.equals("atomicAdd")) {
                code.with(call);
            } else {
                // Only when it is called: other kernels of the class may be fit for the emulator.
                code.aload(item).loadConstant(name);
                code.invokevirtual(ITEM, "refuse", MethodTypeDesc.of(ConstantDescs.CD_void, ConstantDescs.CD_String));
                code.with(call);
            }
        }

        /** The second step replaces it: the frames have no such method without parameters. */
        private static void suspension(CodeBuilder code, String name) {
            code.invokevirtual(FRAMES, name, MethodTypeDesc.of(ConstantDescs.CD_void));
        }

        private static void markSuspension(CodeBuilder code) {
            Label here = code.newLabel();
            code.iconst_0().ifeq(here).labelBinding(here);
        }

        private static boolean isPrimitiveArray(ClassDesc type) {
            return type.isArray() && type.componentType().isPrimitive();
        }

        /** get(int) and set(int, value) of the native arrays and the collections of vectors. */
        private static boolean isElementAccess(InvokeInstruction call, ClassDesc owner, String name) {
            MethodTypeDesc type = call.typeSymbol();
            return call.opcode() == Opcode.INVOKEVIRTUAL
                    && (isNativeArray(owner) || owner.packageName().endsWith(".tornado.api.types.collections"))
                    && type.parameterCount() > 0
                    && type.parameterType(0).equals(ConstantDescs.CD_int)
                    && ((name.equals("get") && type.parameterCount() == 1)
                            || (name.equals("set") && type.parameterCount() == 2));
        }

        private static boolean isNativeArray(ClassDesc owner) {
            return owner.packageName().endsWith(".tornado.api.types.arrays");
        }

        private void elementAccess(CodeBuilder code, InvokeInstruction call, ClassDesc owner) {
            boolean sets = call.typeSymbol().parameterCount() == 2;
            TypeKind kind =
                    TypeKind.from(call.typeSymbol().parameterType(sets ? 1 : 0)).asLoadable();
            int value = spare(code, kind);
            if (sets) {
                code.storeLocal(kind, value);
            }
            code.istore(index).dup().dup();
            code.invokevirtual(
                    owner, isNativeArray(owner) ? "getSize" : "getLength", MethodTypeDesc.of(ConstantDescs.CD_int));
            code.iload(index).aload(item);
            code.invokestatic(
                    CHECKS,
                    "element",
                    MethodTypeDesc.of(
                            ConstantDescs.CD_void,
                            ConstantDescs.CD_Object,
                            ConstantDescs.CD_int,
                            ConstantDescs.CD_int,
                            ITEM));
            code.iload(index);
            if (sets) {
                code.loadLocal(kind, value);
            }
            code.with(call);
        }
    }

    static String className(ClassDesc type) {
        return type.packageName().isEmpty() ? type.displayName() : type.packageName() + "." + type.displayName();
    }
}
