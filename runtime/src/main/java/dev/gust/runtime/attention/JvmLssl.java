package dev.gust.runtime.attention;

import java.lang.foreign.MemorySegment;
import java.util.Optional;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorSpecies;

/**
 * A channel of a linear state-space layer: vectors of the elements of its state, to which columns of Ā are added, token by
 * token or, where there are whole chunks, once for each of them.
 */
final class JvmLssl implements JvmChannels.Channel<LsslOperands> {
    private static final VectorSpecies<Float> F = JvmChannels.F;

    private final DeltaSizes sizes;
    private final int stride;
    private final SeenWeights seen = new SeenWeights();

    /** Each channel's Ā, column by column: [K, padded K]. */
    private final float[][] columns;

    /** B̄ and c [H, padded K]. */
    private final float[] input;

    private final float[] output;
    private final float[] direct;

    /** Each channel's Ā^C as {@link #columns}, and tables of chunks; nothing for the recurrent form. */
    private final float[][] powers;

    private final Optional<JvmConvolution> chunks;

    JvmLssl(DeltaSizes sizes, Form form) {
        this.sizes = sizes;
        this.stride = JvmChannels.padded(sizes.keyDim());
        this.columns = new float[sizes.valueHeads()][sizes.keyDim() * stride];
        this.input = new float[Math.multiplyExact(sizes.valueHeads(), stride)];
        this.output = new float[input.length];
        this.direct = new float[sizes.valueHeads()];
        this.chunks = switch (form) {
            case Form.Recurrent() -> Optional.empty();
            case Form.Chunked(int length) -> Optional.of(new JvmConvolution(sizes.valueHeads(), length, stride));
        };
        this.powers = new float[chunks.isPresent() ? sizes.valueHeads() : 0][sizes.keyDim() * stride];
    }

    @Override
    public void check(LsslOperands operands, Sequences sequences, MemorySegment y) {
        operands.check(sizes, sequences, y);
    }

    @Override
    public MemorySegment inputs(LsslOperands x) {
        return x.u();
    }

    @Override
    public void prepare(LsslOperands x) {
        seen.ifChanged(() -> fill(x), x.weights());
    }

    private void fill(LsslOperands x) {
        int size = sizes.keyDim();
        for (int h = 0; h < sizes.valueHeads(); h++) {
            LsslSystem system = LsslSystem.discretize(x, size, h);
            putColumns(system.transition(), columns[h]);
            for (int i = 0; i < size; i++) {
                input[h * stride + i] = (float) system.input()[i];
                output[h * stride + i] = RuleCall.at(x.c(), (long) h * size + i);
            }
            direct[h] = RuleCall.at(x.d(), h);
            int channel = h;
            chunks.ifPresent(c -> fillChunks(x, system, channel, c));
        }
    }

    private void putColumns(double[] rows, float[] to) {
        int size = sizes.keyDim();
        for (int i = 0; i < size; i++) {
            for (int j = 0; j < size; j++) {
                to[j * stride + i] = (float) rows[i * size + j];
            }
        }
    }

    private void fillChunks(LsslOperands x, LsslSystem system, int h, JvmConvolution tables) {
        int size = sizes.keyDim();
        putColumns(system.power(tables.length()), powers[h]);
        double[] c = x.output(h, size);
        double[] read = c;
        double[] write = system.input();
        for (int l = 0; l < tables.length(); l++) {
            double sum = l == 0 ? RuleCall.at(x.d(), h) : 0;
            read = system.timesLeft(read);
            for (int n = 0; n < size; n++) {
                sum += c[n] * write[n];
                tables.read(h, l, n, read[n]);
                tables.write(h, l, n, write[n]);
            }
            tables.kernel(h, l, sum);
            write = system.times(write);
        }
    }

    @Override
    public void run(LsslOperands x, MemorySegment y, int first, int end, int channel, float[] states, int at) {
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
                            (s, from, next) -> addColumns(powers[channel], s, from, next));
        }
        float[] next = new float[stride];
        for (int t = rest; t < end; t++) {
            float u = JvmChannels.at(x.u(), t, channels, channel);
            float sum = direct[channel] * u + token(u, channel, states, at, next);
            System.arraycopy(next, 0, states, at, stride);
            RuleCall.set(y, (long) t * channels + channel, sum);
        }
    }

    private float token(float u, int channel, float[] states, int at, float[] next) {
        FloatVector sum = FloatVector.zero(F);
        for (int n = 0; n < stride; n += F.length()) {
            FloatVector x =
                    FloatVector.fromArray(F, input, channel * stride + n).mul(u);
            x = addColumns(columns[channel], n, states, at, x);
            x.intoArray(next, n);
            sum = x.fma(FloatVector.fromArray(F, output, channel * stride + n), sum);
        }
        return sum.reduceLanes(VectorOperators.ADD);
    }

    /** A product of a matrix and the state. */
    private void addColumns(float[] matrix, float[] states, int at, float[] to) {
        for (int n = 0; n < stride; n += F.length()) {
            addColumns(matrix, n, states, at, FloatVector.zero(F)).intoArray(to, n);
        }
    }

    private FloatVector addColumns(float[] matrix, int n, float[] states, int at, FloatVector start) {
        FloatVector x = start;
        for (int j = 0; j < sizes.keyDim(); j++) {
            x = FloatVector.fromArray(F, matrix, j * stride + n).fma(FloatVector.broadcast(F, states[at + j]), x);
        }
        return x;
    }
}
