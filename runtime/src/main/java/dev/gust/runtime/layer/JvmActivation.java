package dev.gust.runtime.layer;

import dev.gust.runtime.jvm.JvmDevice;
import dev.gust.runtime.kernel.KernelTimes;
import dev.gust.runtime.layer.jvm.CurveLoops;
import dev.gust.runtime.layer.jvm.Lanes;
import java.lang.foreign.MemorySegment;

/** An activation by vector loops; some rows are one's work. */
final class JvmActivation implements ActivationPlan {
    private static final int GRAIN = 1 << 12;

    private final JvmDevice device;
    private final Activation activation;
    private final int most;
    private volatile boolean closed;

    JvmActivation(JvmDevice device, Activation activation, int most) {
        this.device = device;
        this.activation = activation;
        this.most = most;
    }

    @Override
    public KernelTimes run(MemorySegment x, MemorySegment bias, int rows, MemorySegment y) {
        if (closed) {
            throw new IllegalStateException("the plan of an activation is closed");
        }
        activation.check(x, bias, most, rows, y);
        long start = System.nanoTime();
        int length = activation.length();
        float[] b = new float[Lanes.roundUp(length)];
        Lanes.load(bias, 0, b, (int) (bias.byteSize() / Float.BYTES));
        boolean shared = device.canReach(x) && device.canReach(y);
        device.forRows(rows, Math.max(1, GRAIN / length), shared ? device.threads(0) : 1, (first, end) -> {
            float[] values = new float[b.length];
            for (long row = first; row < end; row++) {
                long at = row * length * Float.BYTES;
                Lanes.load(x, at, values, length);
                CurveLoops.add(values, b, values.length);
                apply(values);
                Lanes.store(values, y, at, length);
            }
        });
        return KernelTimes.ofTotal(System.nanoTime() - start);
    }

    private void apply(float[] values) {
        switch (activation.kind()) {
            case NONE -> {}
            case GELU -> CurveLoops.gelu(values, values.length);
            case GELU_TANH -> CurveLoops.geluTanh(values, values.length);
            case RELU -> CurveLoops.relu(values, values.length);
            case SILU -> CurveLoops.silu(values, values.length);
        }
    }

    @Override
    public void close() {
        closed = true;
    }
}
