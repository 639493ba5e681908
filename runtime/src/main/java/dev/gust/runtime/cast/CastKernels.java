package dev.gust.runtime.cast;

import dev.gust.formats.codec.Rounding;
import dev.gust.formats.tensor.DType;
import dev.gust.kernels.cast.GroupCast;
import dev.gust.kernels.cast.PortableCast;
import dev.gust.runtime.kernel.Kernel;
import uk.ac.manchester.tornado.api.KernelContext;
import uk.ac.manchester.tornado.api.TaskGraph;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;
import uk.ac.manchester.tornado.api.types.arrays.LongArray;

/** The kernels of cast with their arguments. */
final class CastKernels {
    private CastKernels() {}

    record Encode(
            Cast cast,
            IntArray bits,
            IntArray codes,
            IntArray format,
            LongArray state,
            int perWord,
            int words,
            boolean tuned)
            implements Kernel {
        private int isE8M0() {
            return cast.dtype() == DType.F8_E8M0 ? 1 : 0;
        }

        private int saturates() {
            return cast.saturate() ? 1 : 0;
        }

        private int isStochastic() {
            return cast.rounding() instanceof Rounding.Stochastic ? 1 : 0;
        }

        @Override
        public void run(KernelContext context) {
            if (tuned) {
                GroupCast.encodeGroups(
                        context, bits, codes, format, state, perWord, isE8M0(), saturates(), isStochastic(), words);
            } else {
                PortableCast.encodePortable(
                        bits, codes, format, state, perWord, isE8M0(), saturates(), isStochastic(), words);
            }
        }

        @Override
        public TaskGraph addTo(TaskGraph graph, String task, KernelContext context) {
            return tuned
                    ? graph.task(
                            task,
                            GroupCast::encodeGroups,
                            context,
                            bits,
                            codes,
                            format,
                            state,
                            perWord,
                            isE8M0(),
                            saturates(),
                            isStochastic(),
                            words)
                    : graph.task(
                            task,
                            PortableCast::encodePortable,
                            bits,
                            codes,
                            format,
                            state,
                            perWord,
                            isE8M0(),
                            saturates(),
                            isStochastic(),
                            words);
        }
    }

    record Decode(IntArray codes, IntArray table, IntArray bits, int perWord, int count, boolean tuned)
            implements Kernel {
        @Override
        public void run(KernelContext context) {
            if (tuned) {
                GroupCast.decodeGroups(context, codes, table, bits, perWord, count);
            } else {
                PortableCast.decodePortable(codes, table, bits, perWord, count);
            }
        }

        @Override
        public TaskGraph addTo(TaskGraph graph, String task, KernelContext context) {
            return tuned
                    ? graph.task(task, GroupCast::decodeGroups, context, codes, table, bits, perWord, count)
                    : graph.task(task, PortableCast::decodePortable, codes, table, bits, perWord, count);
        }
    }
}
