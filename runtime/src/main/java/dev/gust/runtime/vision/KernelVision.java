package dev.gust.runtime.vision;

import dev.gust.formats.InputException;
import dev.gust.kernels.vision.VisionSizes;
import dev.gust.runtime.kernel.KernelDevice;
import dev.gust.runtime.kernel.KernelPlan;
import dev.gust.runtime.kernel.KernelStyle;
import dev.gust.runtime.kernel.KernelTimes;
import java.lang.foreign.MemorySegment;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;

/** Attention by kernels: one plan, for as many batches as the arrays have room for, run for each such part. */
final class KernelVision implements VisionPlan {
    /** Floats of the largest array, where one batch is not larger: 256 MiB. */
    private static final int MOST = 1 << 26;

    private final KernelDevice device;
    private final VisionAttention attention;
    private final int partBatches;
    private final VisionProgram program;
    private final KernelPlan plan;
    private boolean closed;

    KernelVision(KernelDevice device, VisionAttention attention, KernelStyle style) {
        this(device, attention, style, MOST);
    }

    /** @param most floats of the largest array, where one batch is not larger */
    KernelVision(KernelDevice device, VisionAttention attention, KernelStyle style, int most) {
        this.device = device;
        this.attention = attention;
        VisionShape shape = attention.shape();
        int count = attention.rule().features(shape);
        long widest =
                Math.max(shape.batchRows() * Math.max(count, shape.width()), (long) shape.heads() * count * count);
        // Kernels count elements in ints; an array that one batch cannot have is refused rather than wrapped around.
        if (widest > Math.min(device.maxArrayBytes() / Float.BYTES, Integer.MAX_VALUE / 2)) {
            throw InputException.of(
                    VisionAttention.NAME,
                    "a batch of " + shape.tokens() + " tokens takes arrays of " + widest + " floats on " + device.id(),
                    "take the device jvm");
        }
        this.partBatches = (int) Math.clamp(most / widest, 1, Math.max(1, shape.batches()));
        this.program = new VisionProgram(attention, partBatches, style == KernelStyle.TUNED);
        this.plan = device.prepare(program.program());
    }

    @Override
    public synchronized KernelTimes run(VisionInputs inputs, MemorySegment o) {
        if (closed) {
            throw new IllegalStateException(
                    "the plan of rule " + attention.rule().label() + " is closed");
        }
        attention.check(inputs, o);
        long start = System.nanoTime();
        VisionShape shape = attention.shape();
        inputs.positions().ifPresent(p -> {
            copy(p.cos(), 0, program.cos, shape.tokens() * (long) shape.width());
            copy(p.sin(), 0, program.sin, shape.tokens() * (long) shape.width());
        });
        long kernel = 0;
        long transfer = 0;
        long compile = 0;
        for (long batch = 0; batch < shape.batches(); batch += partBatches) {
            int batches = (int) Math.min(partBatches, shape.batches() - batch);
            long first = batch * shape.batchRows();
            long rows = batches * shape.batchRows();
            long width = shape.width();
            program.sizes.set(VisionSizes.BATCHES, batches);
            copy(inputs.q(), first * width, program.q, rows * width);
            copy(inputs.v(), first * width, program.v, rows * width);
            if (attention.rule() != VisionRule.SOFT) {
                copy(inputs.k(), first * width, program.k, rows * width);
            }
            inputs.gates().ifPresent(g -> {
                copy(g.key(), first, program.keyGates, rows);
                copy(g.value(), first, program.valueGates, rows);
            });
            KernelTimes times = plan.execute();
            MemorySegment.copy(program.o.getSegment(), 0, o, first * width * Float.BYTES, rows * width * Float.BYTES);
            device.copies().add(rows * width * Float.BYTES);
            kernel += times.kernel();
            transfer += times.transfer();
            compile += times.compile();
        }
        return new KernelTimes(kernel, transfer, compile, System.nanoTime() - start);
    }

    private void copy(MemorySegment from, long first, FloatArray to, long floats) {
        MemorySegment.copy(from, first * Float.BYTES, to.getSegment(), 0, floats * Float.BYTES);
        device.copies().add(floats * Float.BYTES);
    }

    @Override
    public synchronized void close() {
        closed = true;
        plan.close();
    }
}
