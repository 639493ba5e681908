package dev.gust.runtime.emulator;

import dev.gust.runtime.kernel.Kernel;
import java.lang.classfile.ClassFile;
import java.lang.classfile.CodeTransform;
import java.lang.classfile.MethodModel;
import java.lang.classfile.Opcode;
import java.lang.classfile.instruction.InvokeInstruction;
import java.lang.constant.ClassDesc;
import java.lang.constant.ConstantDescs;
import java.lang.constant.DirectMethodHandleDesc;
import java.lang.constant.DynamicCallSiteDesc;
import java.lang.constant.MethodHandleDesc;
import java.lang.constant.MethodTypeDesc;
import java.lang.invoke.CallSite;
import java.lang.invoke.ConstantCallSite;
import java.lang.invoke.MethodHandle;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.MethodType;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import uk.ac.manchester.tornado.api.KernelContext;

/**
 * Finds out which static method a {@link Kernel} calls, and with which arguments: {@code run} is executed once, by a copy
 * in which that call only notes them. The copy is a hidden member of the kernel's nest, so it sees what the kernel's
 * class sees. Public because such copies link to {@link #link}; of no use to anybody else.
 */
public final class KernelCapture {
    private static final String RUN = "run";
    private static final ClassDesc CONTEXT =
            KernelContext.class.describeConstable().orElseThrow();

    private KernelCapture() {}

    /**
     * A call of a kernel.
     *
     * @param owner the class that declares the method
     * @param method its name
     * @param type its type
     * @param arguments what it is called with; a context in place of the work-item's own
     */
    record Call(String owner, String method, MethodType type, List<Object> arguments) {}

    /** The context with which the copy is run: it takes the note. */
    private static final class Note extends KernelContext {
        private Optional<Call> call = Optional.empty();
    }

    /**
     * The call that a kernel makes.
     *
     * @throws KernelFault if it does not make exactly one, to a static method that takes the context
     */
    static Call of(Kernel kernel) {
        var note = new Note();
        try {
            Class<?> declaring =
                    kernel.getClass().getMethod(RUN, KernelContext.class).getDeclaringClass();
            MethodHandles.Lookup nest = MethodHandles.privateLookupIn(declaring, MethodHandles.lookup());
            Class<?> copy = nest.defineHiddenClass(copy(declaring), false, MethodHandles.Lookup.ClassOption.NESTMATE)
                    .lookupClass();
            MethodHandle run = nest.in(copy)
                    .findStatic(copy, RUN, MethodType.methodType(void.class, declaring, KernelContext.class));
            run.invoke(kernel, (KernelContext) note);
        } catch (RuntimeException | Error e) {
            throw e;
        } catch (IllegalAccessException e) {
            throw new KernelFault(
                    "its class is in another module or class loader than Gust, which keeps its members closed",
                    "load both from one class path");
        } catch (Throwable e) {
            throw unfit("its class cannot be copied: " + e);
        }
        return note.call.orElseThrow(() -> unfit("its run calls no static method with the context"));
    }

    private static KernelFault unfit(String reason) {
        return new KernelFault(reason, "let run call one static method, the kernel, and do nothing else");
    }

    private static byte[] copy(Class<?> declaring) {
        ClassFile format = AccessRewriter.classFile(loader(declaring));
        byte[] original = KernelLoader.bytes(loader(declaring), declaring.getName())
                .orElseThrow(() -> unfit("its class has no class file"));
        MethodModel run = format.parse(original).methods().stream()
                .filter(m -> m.methodName().equalsString(RUN)
                        && m.methodTypeSymbol().equals(MethodTypeDesc.of(ConstantDescs.CD_void, CONTEXT)))
                .findFirst()
                .orElseThrow(() -> unfit("its class file has no run"));
        ClassDesc self = declaring.describeConstable().orElseThrow();
        return format.build(
                ClassDesc.of(declaring.getPackageName(), "CapturedKernel"),
                builder -> builder.withMethod(
                        RUN,
                        MethodTypeDesc.of(ConstantDescs.CD_void, self, CONTEXT),
                        ClassFile.ACC_STATIC,
                        m -> m.transformCode(run.code().orElseThrow(), noteCalls())));
    }

    static ClassLoader loader(Class<?> type) {
        ClassLoader loader = type.getClassLoader();
        return loader == null ? ClassLoader.getSystemClassLoader() : loader;
    }

    private static CodeTransform noteCalls() {
        DirectMethodHandleDesc link = MethodHandleDesc.ofMethod(
                DirectMethodHandleDesc.Kind.STATIC,
                KernelCapture.class.describeConstable().orElseThrow(),
                "link",
                MethodTypeDesc.of(
                        ConstantDescs.CD_CallSite,
                        ConstantDescs.CD_MethodHandles_Lookup,
                        ConstantDescs.CD_String,
                        ConstantDescs.CD_MethodType,
                        ConstantDescs.CD_String));
        return (code, element) -> {
            if (element instanceof InvokeInstruction call
                    && call.opcode() == Opcode.INVOKESTATIC
                    && call.typeSymbol().parameterList().contains(CONTEXT)) {
                code.invokedynamic(DynamicCallSiteDesc.of(
                        link,
                        call.name().stringValue(),
                        call.typeSymbol(),
                        AccessRewriter.className(call.owner().asSymbol())));
            } else {
                code.with(element);
            }
        };
    }

    /**
     * Links a noted call.
     *
     * @param name the kernel method
     * @param type its type
     * @param owner its class
     */
    public static CallSite link(MethodHandles.Lookup lookup, String name, MethodType type, String owner)
            throws NoSuchMethodException, IllegalAccessException {
        if (type.returnType() != void.class) {
            throw unfit("its run calls " + name + ", which returns something");
        }
        MethodHandle take = MethodHandles.lookup()
                .findStatic(
                        KernelCapture.class,
                        "take",
                        MethodType.methodType(
                                void.class, String.class, String.class, MethodType.class, Object[].class));
        return new ConstantCallSite(MethodHandles.insertArguments(take, 0, owner, name, type)
                .asCollector(Object[].class, type.parameterCount())
                .asType(type));
    }

    @SuppressWarnings("UnusedMethod") // by its handle
    private static void take(String owner, String name, MethodType type, @Nullable Object[] arguments) {
        for (Object argument : arguments) {
            if (argument == null) {
                throw unfit("its run calls " + name + " with null");
            }
        }
        Note note = Arrays.stream(arguments)
                .filter(Note.class::isInstance)
                .map(Note.class::cast)
                .findFirst()
                .orElseThrow(() -> unfit("its run calls " + name + " without the context"));
        if (note.call.isPresent()) {
            throw unfit("its run calls " + note.call.get().method() + " and " + name);
        }
        note.call = Optional.of(new Call(owner, name, type, List.of(arguments)));
    }
}
