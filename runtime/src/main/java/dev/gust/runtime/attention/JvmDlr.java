package dev.gust.runtime.attention;

import java.lang.foreign.MemorySegment;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorSpecies;

/** A channel of a diagonal linear RNN: vectors of the elements of its state. */
final class JvmDlr implements JvmChannels.Channel<DlrOperands> {
    private static final VectorSpecies<Float> F = JvmChannels.F;

    private final DeltaSizes sizes;
    private final int stride;
    private final SeenWeights seen = new SeenWeights();

    /** [H, padded K] each. */
    private final float[] stepRe;

    private final float[] stepIm;
    private final float[] weightRe;
    private final float[] weightIm;

    JvmDlr(DeltaSizes sizes) {
        this.sizes = sizes;
        this.stride = JvmChannels.padded(sizes.keyDim());
        int elements = Math.multiplyExact(sizes.valueHeads(), stride);
        this.stepRe = new float[elements];
        this.stepIm = new float[elements];
        this.weightRe = new float[elements];
        this.weightIm = new float[elements];
    }

    @Override
    public void check(DlrOperands operands, Sequences sequences, MemorySegment y) {
        operands.check(sizes, sequences, y);
    }

    @Override
    public MemorySegment inputs(DlrOperands x) {
        return x.u();
    }

    @Override
    public void prepare(DlrOperands x) {
        seen.ifChanged(() -> fill(x), x.lambda(), x.omega(), x.wRe(), x.wIm());
    }

    private void fill(DlrOperands x) {
        for (int h = 0; h < sizes.valueHeads(); h++) {
            for (int n = 0; n < sizes.keyDim(); n++) {
                long from = (long) h * sizes.keyDim() + n;
                DlrOperands.Rotation step = x.rotation(from);
                stepRe[h * stride + n] = step.re();
                stepIm[h * stride + n] = step.im();
                weightRe[h * stride + n] = RuleCall.at(x.wRe(), from);
                weightIm[h * stride + n] = RuleCall.at(x.wIm(), from);
            }
        }
    }

    @Override
    public void run(DlrOperands x, MemorySegment y, int first, int end, int channel, float[] states, int at) {
        int channels = sizes.valueHeads();
        for (int t = first; t < end; t++) {
            float sum = token(JvmChannels.at(x.u(), t, channels, channel), channel * stride, states, at);
            RuleCall.set(y, (long) t * channels + channel, sum);
        }
    }

    private float token(float u, int row, float[] states, int at) {
        FloatVector sum = FloatVector.zero(F);
        for (int n = 0; n < stride; n += F.length()) {
            FloatVector cos = FloatVector.fromArray(F, stepRe, row + n);
            FloatVector sin = FloatVector.fromArray(F, stepIm, row + n);
            FloatVector re = FloatVector.fromArray(F, states, at + n);
            FloatVector im = FloatVector.fromArray(F, states, at + stride + n);
            FloatVector real = re.fma(cos, FloatVector.broadcast(F, u)).sub(sin.mul(im));
            FloatVector imaginary = re.fma(sin, cos.mul(im));
            real.intoArray(states, at + n);
            imaginary.intoArray(states, at + stride + n);
            sum = real.fma(FloatVector.fromArray(F, weightRe, row + n), sum)
                    .sub(imaginary.mul(FloatVector.fromArray(F, weightIm, row + n)));
        }
        return sum.reduceLanes(VectorOperators.ADD);
    }
}
