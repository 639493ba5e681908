package dev.gust.runtime.emulator;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowable;

import dev.gust.formats.DeviceException;
import dev.gust.runtime.emulator.Launches.HostKernel;
import dev.gust.runtime.kernel.Grid;
import dev.gust.runtime.kernel.Kernel;
import dev.gust.runtime.kernel.KernelPlan;
import java.util.Arrays;
import java.util.Locale;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import uk.ac.manchester.tornado.api.KernelContext;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;
import uk.ac.manchester.tornado.api.types.collections.VectorFloat4;

/** What kernels must not do: 16 work-items in two groups of 8, on arrays of 16. */
class KernelFaultTest {
    private static final Grid GRID = Grid.ofGroups(2, 8);

    /** The faults, with what the error says of the work-item and of what it did. */
    enum Fault {
        READ_PAST_END(" (15, 0, 0), which is (7, 0, 0) of group (1, 0, 0)", "index 16 is outside of 'in'") {
            @Override
            Kernel kernel(FloatArray in, FloatArray out, IntArray ints) {
                return new HostKernel() {
                    @Override
                    public void run(KernelContext context) {
                        FaultyKernels.readPastEnd(context, in, out);
                    }
                };
            }
        },
        READ_HEADER(" (0, 0, 0), which", "index -1 is outside of 'in'") {
            @Override
            Kernel kernel(FloatArray in, FloatArray out, IntArray ints) {
                return new HostKernel() {
                    @Override
                    public void run(KernelContext context) {
                        FaultyKernels.readHeader(context, in, out);
                    }
                };
            }
        },
        WRITE_PAST_END(" (13, 0, 0), which is (5, 0, 0) of group (1, 0, 0)", "index 16 is outside of 'out'") {
            @Override
            Kernel kernel(FloatArray in, FloatArray out, IntArray ints) {
                return new HostKernel() {
                    @Override
                    public void run(KernelContext context) {
                        FaultyKernels.writePastEnd(context, in, out);
                    }
                };
            }
        },
        WRITE_PAST_LOCAL(" (6, 0, 0), which", "index 6 is outside of the local float[6] of line") {
            @Override
            Kernel kernel(FloatArray in, FloatArray out, IntArray ints) {
                return new HostKernel() {
                    @Override
                    public void run(KernelContext context) {
                        FaultyKernels.writePastLocal(context, in, out);
                    }
                };
            }
        },
        WRITE_PAST_PRIVATE(" (2, 0, 0), which", "Index 2 out of bounds for length 2") {
            @Override
            Kernel kernel(FloatArray in, FloatArray out, IntArray ints) {
                return new HostKernel() {
                    @Override
                    public void run(KernelContext context) {
                        FaultyKernels.writePastPrivate(context, in, out);
                    }
                };
            }
        },
        READ_UNWRITTEN(" (7, 0, 0), which", "reads element 8 of the local float[9] of line") {
            @Override
            Kernel kernel(FloatArray in, FloatArray out, IntArray ints) {
                return new HostKernel() {
                    @Override
                    public void run(KernelContext context) {
                        FaultyKernels.readUnwritten(context, in, out);
                    }
                };
            }
        },
        ADD_TO_UNWRITTEN(" (0, 0, 0), which", "reads element 0 of the local int[1] of line") {
            @Override
            Kernel kernel(FloatArray in, FloatArray out, IntArray ints) {
                return new HostKernel() {
                    @Override
                    public void run(KernelContext context) {
                        FaultyKernels.addToUnwritten(context, ints);
                    }
                };
            }
        },
        FORGET_BARRIER(
                " (1, 0, 0), which",
                "reads what work-item 0 of the group wrote since the last local barrier: element 0") {
            @Override
            Kernel kernel(FloatArray in, FloatArray out, IntArray ints) {
                return new HostKernel() {
                    @Override
                    public void run(KernelContext context) {
                        FaultyKernels.forgetBarrier(context, in, out);
                    }
                };
            }
        },
        FORGET_SECOND_BARRIER(
                " (1, 0, 0), which",
                "writes what work-item 0 of the group read since the last local barrier: element 1") {
            @Override
            Kernel kernel(FloatArray in, FloatArray out, IntArray ints) {
                return new HostKernel() {
                    @Override
                    public void run(KernelContext context) {
                        FaultyKernels.forgetSecondBarrier(context, in, out);
                    }
                };
            }
        },
        FENCE_THE_WRONG_MEMORY(
                " (0, 0, 0), which",
                "reads what work-item 1 of the group wrote since the last local barrier: element 1") {
            @Override
            Kernel kernel(FloatArray in, FloatArray out, IntArray ints) {
                return new HostKernel() {
                    @Override
                    public void run(KernelContext context) {
                        FaultyKernels.fenceTheWrongMemory(context, in, out);
                    }
                };
            }
        },
        COLLIDE(
                " (1, 0, 0), which",
                "writes what work-item 0 of the group wrote since the last local barrier: element 0") {
            @Override
            Kernel kernel(FloatArray in, FloatArray out, IntArray ints) {
                return new HostKernel() {
                    @Override
                    public void run(KernelContext context) {
                        FaultyKernels.collide(context, in, out);
                    }
                };
            }
        },
        LEAVE_EARLY(" (0, 0, 0), which", "waits at the local barrier of line") {
            @Override
            Kernel kernel(FloatArray in, FloatArray out, IntArray ints) {
                return new HostKernel() {
                    @Override
                    public void run(KernelContext context) {
                        FaultyKernels.leaveEarly(context, in, out);
                    }
                };
            }
        },
        PART(" (4, 0, 0), which", "waits at the local barrier of line") {
            @Override
            Kernel kernel(FloatArray in, FloatArray out, IntArray ints) {
                return new HostKernel() {
                    @Override
                    public void run(KernelContext context) {
                        FaultyKernels.part(context, in, out);
                    }
                };
            }
        },
        PART_IN_HELPER(" (4, 0, 0), which", "waits at the local barrier of line") {
            @Override
            Kernel kernel(FloatArray in, FloatArray out, IntArray ints) {
                return new HostKernel() {
                    @Override
                    public void run(KernelContext context) {
                        FaultyKernels.partInHelper(context, in, out);
                    }
                };
            }
        },
        ALLOCATE_TOO_MUCH(" (0, 0, 0), which", "allocates 49160 bytes of local memory, and a group has 49152") {
            @Override
            Kernel kernel(FloatArray in, FloatArray out, IntArray ints) {
                return new HostKernel() {
                    @Override
                    public void run(KernelContext context) {
                        FaultyKernels.allocateTooMuch(context, in, out);
                    }
                };
            }
        },
        DIVIDE_BY_ZERO(" (9, 0, 0), which is (1, 0, 0) of group (1, 0, 0)", "/ by zero") {
            @Override
            Kernel kernel(FloatArray in, FloatArray out, IntArray ints) {
                return new HostKernel() {
                    @Override
                    public void run(KernelContext context) {
                        FaultyKernels.divideByZero(context, ints);
                    }
                };
            }
        },
        ADD_PAST_END(" (0, 0, 0), which", "index 16 is outside of 'out'") {
            @Override
            Kernel kernel(FloatArray in, FloatArray out, IntArray ints) {
                return new HostKernel() {
                    @Override
                    public void run(KernelContext context) {
                        FaultyKernels.addPastEnd(context, ints);
                    }
                };
            }
        };

        private final String who;
        private final String what;

        Fault(String who, String what) {
            this.who = who;
            this.what = what;
        }

        abstract Kernel kernel(FloatArray in, FloatArray out, IntArray ints);

        /** The kernel's method. */
        String method() {
            String[] words = name().toLowerCase(Locale.ROOT).split("_");
            return words[0]
                    + Arrays.stream(words)
                            .skip(1)
                            .map(w -> Character.toUpperCase(w.charAt(0)) + w.substring(1))
                            .collect(Collectors.joining());
        }
    }

    @ParameterizedTest
    @EnumSource
    void isAnErrorThatNamesTheKernelAndTheWorkItem(Fault fault) {
        var in = new FloatArray(16);
        var out = new FloatArray(16);
        var ints = new IntArray(16);
        for (int i = 0; i < 16; i++) {
            in.set(i, i);
        }
        try (var device = new EmulatorDevice();
                var threads = new EmulatorDevice(3);
                KernelPlan plan = Launches.plan(device, fault.kernel(in, out, ints), GRID);
                KernelPlan parallel = Launches.plan(threads, fault.kernel(in, out, ints), GRID)) {
            Throwable error = catchThrowable(plan::execute);
            assertThat(error)
                    .isInstanceOf(DeviceException.class)
                    .hasMessageStartingWith(
                            "emulator: kernel sample (FaultyKernels." + fault.method() + "): work-item" + fault.who)
                    .hasMessageContaining(fault.what)
                    .hasMessageContaining("; ");
            assertThatThrownBy(parallel::execute).hasMessage(error.getMessage());
            // Nothing is left behind: the plan does the same again.
            assertThatThrownBy(plan::execute).hasMessage(error.getMessage());
        }
    }

    @Test
    void anIndexIntoTheHeaderOfVectorsIsAnError() {
        var in = new VectorFloat4(16);
        var out = new FloatArray(16);
        try (var device = new EmulatorDevice()) {
            Kernel kernel = new HostKernel() {
                @Override
                public void run(KernelContext context) {
                    FaultyKernels.readVectorHeader(context, in, out);
                }
            };
            assertThatThrownBy(() -> Launches.run(device, kernel, GRID))
                    .isInstanceOf(DeviceException.class)
                    .hasMessageContaining("index -1 is outside of 'in', which has 16 elements (FaultyKernels.java:");
        }
    }

    @Test
    void theErrorNamesTheLines() {
        var in = new FloatArray(16);
        var out = new FloatArray(16);
        try (var device = new EmulatorDevice()) {
            Kernel kernel = Fault.LEAVE_EARLY.kernel(in, out, new IntArray(1));
            assertThatThrownBy(() -> Launches.run(device, kernel, GRID))
                    .hasMessageMatching(
                            ".* waits at the local barrier of line \\d+, but work-item \\(5, 0, 0\\), which is"
                                    + " \\(5, 0, 0\\) of group \\(0, 0, 0\\) has returned; let all .*");
        }
    }
}
