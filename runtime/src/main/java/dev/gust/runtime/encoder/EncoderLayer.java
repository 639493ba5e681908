package dev.gust.runtime.encoder;

import dev.gust.runtime.device.Device;
import dev.gust.runtime.layer.Norm;
import dev.gust.runtime.layer.NormPlan;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;

/**
 * One layer: attention and a pair of linear layers, each followed by a layer norm of the sum with what went in.
 *
 * @param query of attention
 * @param key of attention
 * @param value of attention
 * @param output of attention
 * @param attentionNorm behind it
 * @param intermediate to the wider rows
 * @param narrow back from them
 * @param outputNorm behind that
 */
record EncoderLayer(
        EncoderLinear query,
        EncoderLinear key,
        EncoderLinear value,
        EncoderLinear output,
        NormPlan attentionNorm,
        EncoderLinear intermediate,
        EncoderLinear narrow,
        NormPlan outputNorm)
        implements AutoCloseable {
    /**
     * Loads a layer.
     *
     * @param module {@code encoder.layer.N}
     */
    static EncoderLayer load(
            Device device, EncoderTensors tensors, String module, EncoderSizes sizes, EncoderOptions options) {
        var opened = new ArrayList<AutoCloseable>();
        int hidden = sizes.hidden();
        var loader = new Loader(device, tensors, module, sizes, options, opened);
        try {
            return new EncoderLayer(
                    loader.linear("attention.self.query", hidden, hidden),
                    loader.linear("attention.self.key", hidden, hidden),
                    loader.linear("attention.self.value", hidden, hidden),
                    loader.linear("attention.output.dense", hidden, hidden),
                    loader.norm("attention.output.LayerNorm"),
                    loader.linear("intermediate.dense", hidden, sizes.inner()),
                    loader.linear("output.dense", sizes.inner(), hidden),
                    loader.norm("output.LayerNorm"));
        } catch (RuntimeException e) {
            Plans.close(opened);
            throw e;
        }
    }

    private record Loader(
            Device device,
            EncoderTensors tensors,
            String module,
            EncoderSizes sizes,
            EncoderOptions options,
            List<AutoCloseable> opened) {
        EncoderLinear linear(String name, int in, int out) {
            EncoderLinear linear =
                    EncoderLinear.load(device, tensors, module + "." + name, in, out, options.products());
            opened.add(linear);
            return linear;
        }

        NormPlan norm(String name) {
            NormPlan plan = EncoderLayer.norm(tensors, module + "." + name, sizes)
                    .withResidual()
                    .prepare(device, options.tokens());
            opened.add(plan);
            return plan;
        }
    }

    /** A layer norm's parameters, under their own names or those of BERT's first release. */
    static Norm norm(EncoderTensors tensors, String module, EncoderSizes sizes) {
        return Norm.layer(
                sizes.hidden(),
                tensors.vector(module, sizes.hidden(), List.of("weight", "gamma")),
                tensors.vector(module, sizes.hidden(), List.of("bias", "beta")),
                sizes.config().epsilon());
    }

    /**
     * Runs it.
     *
     * @param work holds x, which becomes the result
     * @param observer sees what goes into the linear layers
     */
    void run(EncoderWork work, LinearObserver observer) {
        int rows = work.rows();
        MemorySegment x = work.x();
        see(observer, List.of(query, key, value), x, rows);
        query.run(x, rows, work.plans().bias(), work.q());
        key.run(x, rows, work.plans().bias(), work.k());
        value.run(x, rows, work.plans().bias(), work.v());
        work.plans().attention().run(work.q(), work.k(), work.v(), work.sequences(), work.attended());
        see(observer, List.of(output), work.attended(), rows);
        output.run(work.attended(), rows, work.plans().bias(), work.q());
        attentionNorm.run(work.q(), x, rows, work.normed());
        see(observer, List.of(intermediate), work.normed(), rows);
        intermediate.run(work.normed(), rows, work.plans().activation(), work.inner());
        see(observer, List.of(narrow), work.inner(), rows);
        narrow.run(work.inner(), rows, work.plans().bias(), work.q());
        outputNorm.run(work.q(), work.normed(), rows, x);
    }

    private static void see(LinearObserver observer, List<EncoderLinear> layers, MemorySegment x, int rows) {
        observer.sees(
                layers.stream().map(EncoderLinear::name).toList(),
                x,
                rows,
                layers.getFirst().in());
    }

    @Override
    public void close() {
        Plans.close(List.of(query, key, value, output, attentionNorm, intermediate, narrow, outputNorm));
    }
}
