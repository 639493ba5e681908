package dev.gust.runtime.emulator;

import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.lang.classfile.ClassFile;
import java.lang.classfile.ClassTransform;
import java.lang.classfile.CodeTransform;
import java.lang.classfile.instruction.InvokeInstruction;
import java.lang.constant.ClassDesc;
import java.lang.constant.MethodTypeDesc;
import uk.ac.manchester.tornado.api.KernelContext;

/**
 * Methods that KernelContext has in newer versions of TornadoVM's API, for kernels to be compiled against: {@link Loader}
 * turns the calls into those that such a version's compiler would have made.
 */
@SuppressWarnings("DoNotCallSuggester") // calls are replaced
final class NewerApi {
    private NewerApi() {}

    static float simdSum(KernelContext context, float value) {
        throw new AssertionError(context + " " + value);
    }

    static float simdShuffleDown(KernelContext context, float value, int distance) {
        throw new AssertionError(context + " " + value + distance);
    }

    static float simdBroadcastFirst(KernelContext context, float value) {
        throw new AssertionError(context + " " + value);
    }

    static byte[] allocateByteLocalArray(KernelContext context, int size) {
        throw new AssertionError(context + " " + size);
    }

    static float[] mmaFragment(KernelContext context, float value) {
        throw new AssertionError(context + " " + value);
    }

    /** Has {@link LaneKernels} as if compiled against a newer API. */
    static final class Loader extends ClassLoader {
        Loader() {
            super(NewerApi.class.getClassLoader());
        }

        @Override
        public InputStream getResourceAsStream(String name) {
            return name.contains(LaneKernels.class.getSimpleName())
                    ? new ByteArrayInputStream(bytes(name))
                    : super.getResourceAsStream(name);
        }

        private byte[] bytes(String resource) {
            ClassDesc stand = NewerApi.class.describeConstable().orElseThrow();
            ClassDesc context = KernelContext.class.describeConstable().orElseThrow();
            CodeTransform calls = (code, element) -> {
                if (element instanceof InvokeInstruction call
                        && call.owner().asSymbol().equals(stand)) {
                    MethodTypeDesc type = call.typeSymbol();
                    code.invokevirtual(context, call.name().stringValue(), type.dropParameterTypes(0, 1));
                } else {
                    code.with(element);
                }
            };
            try (InputStream in = getParent().getResourceAsStream(resource)) {
                ClassFile format = ClassFile.of();
                return format.transformClass(
                        format.parse(in.readAllBytes()), ClassTransform.transformingMethodBodies(calls));
            } catch (IOException e) {
                throw new AssertionError(e);
            }
        }
    }
}
