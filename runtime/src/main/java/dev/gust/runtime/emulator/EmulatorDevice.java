package dev.gust.runtime.emulator;

import dev.gust.formats.DeviceException;
import dev.gust.runtime.device.CopyCounter;
import dev.gust.runtime.device.DeviceId;
import dev.gust.runtime.device.DeviceInfo;
import dev.gust.runtime.emulator.KernelCapture.Call;
import dev.gust.runtime.kernel.Grid;
import dev.gust.runtime.kernel.Kernel;
import dev.gust.runtime.kernel.KernelCall;
import dev.gust.runtime.kernel.KernelDevice;
import dev.gust.runtime.kernel.KernelPlan;
import dev.gust.runtime.kernel.KernelProgram;
import dev.gust.runtime.kernel.KernelStyle;
import dev.gust.runtime.kernel.NativeArrays;
import java.lang.invoke.MethodHandle;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.MethodType;
import java.lang.reflect.Method;
import java.lang.reflect.Parameter;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.function.Function;
import uk.ac.manchester.tornado.api.KernelContext;

/**
 * Runs tuned kernels on the processor, group by group, and portable ones as plain Java. It is for tests: what is
 * undefined on a device is an error here that names the kernel and the work-item. It finds accesses outside of arrays,
 * barriers that not all work-items of a group reach, reads of local memory that nothing has written, local memory that
 * two work-items use at once without a barrier between, and too much local memory. It does not find what TornadoVM's
 * compiler makes of Java that it cannot translate; the lint does.
 */
public final class EmulatorDevice implements KernelDevice {
    static final String NAME = DeviceId.EMULATOR.toString();

    /** Local memory of a group: what CUDA gives to arrays of a fixed size. */
    public static final int LOCAL_MEMORY_BYTES = 48 << 10;

    /** Work-items in a group at most: what CUDA allows. */
    public static final int MOST_WORK_ITEMS = 1024;

    private final int threads;
    private final Function<ClassLoader, KernelLoader> rewriting;
    private final ExecutorService workers;
    private final CopyCounter copies = new CopyCounter();
    private final NativeArrays arrays = new NativeArrays(copies);
    private final Map<ClassLoader, KernelLoader> loaders = new HashMap<>();

    /** One group after another, on the calling thread. */
    public EmulatorDevice() {
        this(1);
    }

    /**
     * Groups on several threads; results and errors are the same as on one.
     *
     * @param threads how many, the calling one among them; at least 1
     */
    public EmulatorDevice(int threads) {
        this(threads, KernelLoader::new);
    }

    /** @param rewriting makes the loader of rewritten kernels beside the kernels' own */
    EmulatorDevice(int threads, Function<ClassLoader, KernelLoader> rewriting) {
        if (threads < 1) {
            throw new IllegalArgumentException(threads + " threads");
        }
        this.threads = threads;
        this.rewriting = rewriting;
        this.workers = Executors.newCachedThreadPool(
                Thread.ofPlatform().daemon().name("gust-emulator-", 0).factory());
    }

    @Override
    public DeviceInfo info() {
        return new DeviceInfo(
                DeviceId.EMULATOR,
                "tuned kernels as plain Java, checked",
                "emulator",
                0,
                "Java " + Runtime.version().feature(),
                List.of(),
                Optional.empty());
    }

    @Override
    public CopyCounter copies() {
        return copies;
    }

    @Override
    public KernelPlan prepare(KernelProgram program) {
        return new EmulatorPlan(
                program, program.calls().stream().map(this::step).toList());
    }

    private Runnable step(KernelCall call) {
        if (call.grid().isEmpty()) {
            var nobody = new KernelContext();
            return () -> call.kernel().run(nobody);
        }
        Grid grid = call.grid().get();
        if ((long) grid.localX() * grid.localY() * grid.localZ() > MOST_WORK_ITEMS) {
            throw unfit(
                    call,
                    "groups of " + grid.localX() + " × " + grid.localY() + " × " + grid.localZ() + " work-items",
                    "a group has " + MOST_WORK_ITEMS + " at most");
        }
        EmulatedKernel kernel = emulated(call, grid);
        return () -> new Launch(kernel, LOCAL_MEMORY_BYTES).run(threads, workers);
    }

    private EmulatedKernel emulated(KernelCall call, Grid grid) {
        try {
            Call captured = KernelCapture.of(call.kernel());
            Class<?> owner = loader(call.kernel()).loadClass(captured.owner());
            MethodHandle body = MethodHandles.privateLookupIn(owner, MethodHandles.lookup())
                    .findStatic(owner, captured.method(), captured.type().appendParameterTypes(EmulatedContext.class));
            Method method =
                    owner.getDeclaredMethod(captured.method(), captured.type().parameterArray());
            return new EmulatedKernel(
                    call.name() + " (" + owner.getSimpleName() + "." + captured.method() + ")",
                    grid,
                    bind(body, captured.arguments()),
                    captured.arguments(),
                    Arrays.stream(method.getParameters())
                            .map(Parameter::getName)
                            .toList());
        } catch (KernelFault fault) {
            throw unfit(call, String.valueOf(fault.getMessage()), fault.remedy());
        } catch (ReflectiveOperationException | LinkageError e) {
            throw unfit(call, "the emulator cannot load it: " + e, "write kernels as static methods of plain classes");
        }
    }

    private static DeviceException unfit(KernelCall call, String reason, String remedy) {
        return new DeviceException(NAME, "kernel " + call.name() + ": " + reason, remedy);
    }

    /** The method with its arguments, the work-item in place of every context: (EmulatedContext)void. */
    private static MethodHandle bind(MethodHandle method, List<Object> arguments) {
        MethodHandle bound = method;
        for (int i = arguments.size() - 1; i >= 0; i--) {
            if (!(arguments.get(i) instanceof KernelContext)) {
                bound = MethodHandles.insertArguments(bound, i, arguments.get(i));
            }
        }
        MethodType items = bound.type();
        for (int i = 0; i < items.parameterCount(); i++) {
            items = items.changeParameterType(i, EmulatedContext.class);
        }
        return MethodHandles.permuteArguments(
                bound.asType(items),
                MethodType.methodType(void.class, EmulatedContext.class),
                new int[items.parameterCount()]);
    }

    /** Rewritten classes are kept, so that what the virtual machine learns about a kernel serves all plans. */
    private KernelLoader loader(Kernel kernel) {
        synchronized (loaders) {
            return loaders.computeIfAbsent(KernelCapture.loader(kernel.getClass()), rewriting);
        }
    }

    @Override
    public KernelStyle style() {
        return KernelStyle.TUNED;
    }

    @Override
    public boolean takesHalves() {
        return true;
    }

    @Override
    public boolean takesHalfPairs() {
        return true;
    }

    @Override
    public boolean takesFloatBits() {
        return true;
    }

    @Override
    public long maxArrayBytes() {
        return NativeArrays.MAX_WORDS * Integer.BYTES;
    }

    @Override
    public long localMemoryBytes() {
        return LOCAL_MEMORY_BYTES;
    }

    @Override
    public NativeArrays arrays() {
        return arrays;
    }

    @Override
    public void close() {
        workers.shutdown();
    }
}
