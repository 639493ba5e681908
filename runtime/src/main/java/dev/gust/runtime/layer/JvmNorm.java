package dev.gust.runtime.layer;

import dev.gust.runtime.jvm.JvmDevice;
import dev.gust.runtime.kernel.KernelTimes;
import dev.gust.runtime.layer.jvm.CurveLoops;
import dev.gust.runtime.layer.jvm.Lanes;
import dev.gust.runtime.layer.jvm.LayerNormLoops;
import dev.gust.runtime.layer.jvm.NormLoops;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;

/** A norm by vector loops; some rows are one's work. */
final class JvmNorm implements NormPlan {
    /** Elements to a piece of work, so that threads do not meet too often. */
    private static final int GRAIN = 1 << 13;

    private final JvmDevice device;
    private final Norm norm;
    private final int most;
    private final float[] weight;
    private final float[] bias;
    private volatile boolean closed;

    JvmNorm(JvmDevice device, Norm norm, int most) {
        this.device = device;
        this.norm = norm;
        this.most = most;
        this.weight = norm.hasWeight() ? Floats.array(norm.weight()) : ones(norm.length());
        this.bias = norm.hasBias() ? Floats.array(norm.bias()) : new float[norm.length()];
    }

    private static float[] ones(int length) {
        float[] ones = new float[length];
        Arrays.fill(ones, 1);
        return ones;
    }

    @Override
    public KernelTimes run(MemorySegment x, MemorySegment gates, int rows, MemorySegment y) {
        if (closed) {
            throw new IllegalStateException("the plan of a norm is closed");
        }
        norm.check(x, gates, most, rows, y);
        long start = System.nanoTime();
        boolean shared = device.canReach(x) && device.canReach(gates) && device.canReach(y);
        int grain = Math.max(1, GRAIN / norm.length());
        device.forRows(rows, grain, shared ? device.threads(0) : 1, (first, end) -> {
            if (norm.kind() == Norm.Kind.LAYER) {
                var layer = new LayerNormLoops(weight, bias, norm.epsilon());
                for (long row = first; row < end; row++) {
                    layer.normalize(x, gates, row * norm.length() * Float.BYTES, y);
                }
                return;
            }
            float[] gate = new float[norm.gate() == NormGate.NONE ? 0 : Lanes.roundUp(norm.length())];
            for (long row = first; row < end; row++) {
                row(x, gates, row * norm.length() * Float.BYTES, gate, y);
            }
        });
        return KernelTimes.ofTotal(System.nanoTime() - start);
    }

    private void row(MemorySegment x, MemorySegment gates, long at, float[] gate, MemorySegment y) {
        int length = norm.length();
        double squares = NormLoops.squares(x, at, length);
        double under = (norm.kind() == Norm.Kind.RMS ? squares / length : squares) + norm.epsilon();
        NormLoops.scale(x, at, weight, (float) (1 / Math.sqrt(under)), y, at, length);
        if (norm.gate() != NormGate.NONE) {
            Lanes.load(gates, at, gate, length);
            if (norm.gate() == NormGate.SILU) {
                CurveLoops.silu(gate, gate.length);
            } else {
                CurveLoops.sigmoid(gate, gate.length);
            }
            NormLoops.gate(gate, y, at, length);
        }
    }

    @Override
    public void close() {
        closed = true;
    }
}
