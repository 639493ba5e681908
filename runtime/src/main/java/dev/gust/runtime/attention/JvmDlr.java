package dev.gust.runtime.attention;

import java.lang.foreign.MemorySegment;
import java.util.Optional;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorSpecies;

/** A channel of a diagonal linear RNN: vectors of the elements of its state, token by token or by whole chunks. */
final class JvmDlr implements JvmChannels.Channel<DlrOperands> {
    private static final VectorSpecies<Float> F = JvmChannels.F;

    /** Floats of tables of chunks at most: 64 MiB. */
    private static final long MOST_FLOATS = 1L << 24;

    private final DeltaSizes sizes;
    private final int stride;
    private final SeenWeights seen = new SeenWeights();

    /** [H, padded K] each. */
    private final float[] stepRe;

    private final float[] stepIm;
    private final float[] weightRe;
    private final float[] weightIm;

    /** e^(C Λ) [H, padded K] each, and tables of chunks; nothing for the recurrent form. */
    private final float[] powerRe;

    private final float[] powerIm;
    private final Optional<JvmConvolution> chunks;

    JvmDlr(DeltaSizes sizes, Form form) {
        this.sizes = sizes;
        this.stride = JvmChannels.padded(sizes.keyDim());
        int elements = Math.multiplyExact(sizes.valueHeads(), stride);
        this.stepRe = new float[elements];
        this.stepIm = new float[elements];
        this.weightRe = new float[elements];
        this.weightIm = new float[elements];
        this.powerRe = new float[elements];
        this.powerIm = new float[elements];
        this.chunks = switch (form) {
            case Form.Chunked(int length)
            when JvmConvolution.floats(sizes.valueHeads(), length, Dlr.PARTS * stride) <= MOST_FLOATS ->
                Optional.of(new JvmConvolution(sizes.valueHeads(), length, Dlr.PARTS * stride));
            default -> Optional.empty();
        };
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
            int channel = h;
            chunks.ifPresent(c -> fillChunks(x, channel, c));
        }
    }

    /** Powers in float64: w λ^l reads, λ^l is left of what was written. */
    private void fillChunks(DlrOperands x, int h, JvmConvolution tables) {
        double[] kernel = new double[tables.length()];
        for (int n = 0; n < sizes.keyDim(); n++) {
            long from = (long) h * sizes.keyDim() + n;
            double lambdaValue = RuleCall.at(x.lambda(), from);
            double angle = RuleCall.at(x.omega(), from);
            double shrink = Math.exp(-lambdaValue * lambdaValue);
            double stepCos = shrink * Math.cos(angle);
            double stepSin = shrink * Math.sin(angle);
            double cos = 1;
            double sin = 0;
            double re = RuleCall.at(x.wRe(), from);
            double im = RuleCall.at(x.wIm(), from);
            for (int l = 0; l <= tables.length(); l++) {
                double seen = re * cos - im * sin;
                if (l < tables.length()) {
                    kernel[l] += seen;
                    tables.write(h, l, n, cos);
                    tables.write(h, l, stride + n, sin);
                } else {
                    powerRe[h * stride + n] = (float) cos;
                    powerIm[h * stride + n] = (float) sin;
                }
                if (l > 0) {
                    tables.read(h, l - 1, n, seen);
                    tables.read(h, l - 1, stride + n, -(re * sin + im * cos));
                }
                double next = cos * stepCos - sin * stepSin;
                sin = cos * stepSin + sin * stepCos;
                cos = next;
            }
        }
        for (int l = 0; l < kernel.length; l++) {
            tables.kernel(h, l, kernel[l]);
        }
    }

    @Override
    public void run(DlrOperands x, MemorySegment y, int first, int end, int channel, float[] states, int at) {
        int channels = sizes.valueHeads();
        int rest = first;
        if (chunks.isPresent()) {
            rest = chunks.get()
                    .run(
                            x.u(),
                            y,
                            first,
                            end,
                            channel,
                            states,
                            at,
                            (s, from, next) -> advance(channel * stride, s, from, next));
        }
        for (int t = rest; t < end; t++) {
            float sum = token(JvmChannels.at(x.u(), t, channels, channel), channel * stride, states, at);
            RuleCall.set(y, (long) t * channels + channel, sum);
        }
    }

    /** The state a chunk later, if there were no inputs. */
    private void advance(int row, float[] states, int at, float[] next) {
        for (int n = 0; n < stride; n += F.length()) {
            FloatVector cos = FloatVector.fromArray(F, powerRe, row + n);
            FloatVector sin = FloatVector.fromArray(F, powerIm, row + n);
            FloatVector re = FloatVector.fromArray(F, states, at + n);
            FloatVector im = FloatVector.fromArray(F, states, at + stride + n);
            re.mul(cos).sub(im.mul(sin)).intoArray(next, n);
            re.fma(sin, im.mul(cos)).intoArray(next, stride + n);
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
