package dev.gust.runtime.encoder;

import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.gust.formats.DeviceException;
import dev.gust.formats.InputException;
import dev.gust.formats.layout.QuantizationConfig;
import dev.gust.formats.model.ModelFiles;
import dev.gust.formats.model.ModelInput;
import dev.gust.formats.weight.LogicalModel;
import dev.gust.runtime.attention.Sequences;
import dev.gust.runtime.device.Device;
import dev.gust.runtime.layer.Embedding;
import dev.gust.runtime.layer.EmbeddingPlan;
import dev.gust.runtime.layer.NormPlan;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * A text encoder of BERT's kind: embeddings, layers of attention among all tokens of a sequence, and a vector for each
 * sequence. Its linear layers are plain, quantized or low-rank, as the model's file has them. Sequences of a call lie behind
 * one another and have any lengths; nothing is padded. Safe to use from many threads, whose calls wait for one another.
 *
 * <pre>{@code
 * try (Device device = Devices.open(DeviceId.AUTO);
 *         Encoder encoder = Encoder.load(device, "out/minilm-nvfp4")) {
 *     float[] vectors = encoder.embed(ids, new Sequences(0, 7, 19));
 * }
 * }</pre>
 *
 * <p>Source: BERT (arXiv 1810.04805), Sentence-BERT (1908.10084) for the mean of the tokens as the sentence's vector.
 */
public final class Encoder implements AutoCloseable {
    private final EncoderSizes sizes;
    private final EncoderOptions options;
    private final EmbeddingPlan embedding;
    private final boolean typed;
    private final NormPlan embeddingNorm;
    private final List<EncoderLayer> layers;
    private final Optional<String> pooler;
    private final SharedPlans shared;
    private final EncoderWork work;
    private final Arena memory;
    private final List<AutoCloseable> opened;
    private boolean closed;

    private Encoder(Device device, EncoderSizes sizes, EncoderOptions options, Parts parts) {
        this.sizes = sizes;
        this.options = options;
        this.memory = parts.memory();
        this.opened = parts.opened();
        EncoderTensors tensors = parts.tensors();
        var tables = new ArrayList<MemorySegment>();
        for (String table : List.of("word", "position")) {
            tables.add(tensors.table("embeddings." + table + "_embeddings", sizes.hidden())
                    .orElseThrow());
        }
        Optional<MemorySegment> types = tensors.table("embeddings.token_type_embeddings", sizes.hidden());
        types.ifPresent(tables::add);
        this.typed = types.isPresent();
        this.embedding = parts.keep(new Embedding(sizes.hidden(), tables).prepare(device, options.tokens()));
        this.embeddingNorm = parts.keep(
                EncoderLayer.norm(tensors, "embeddings.LayerNorm", sizes).prepare(device, options.tokens()));
        this.shared = parts.keep(SharedPlans.prepare(device, sizes, options));
        var loaded = new ArrayList<EncoderLayer>();
        for (int i = 0; i < sizes.layers(); i++) {
            loaded.add(parts.keep(EncoderLayer.load(device, tensors, EncoderSizes.layer(i), sizes, options)));
        }
        this.layers = List.copyOf(loaded);
        this.pooler = tensors.find("pooler.dense.bias").map(_ -> tensors.name("pooler.dense"));
        this.work = new EncoderWork(
                shared,
                Sequences.of(1, options.tokens()),
                rows(sizes.hidden()),
                rows(sizes.hidden()),
                rows(sizes.hidden()),
                rows(sizes.hidden()),
                rows(sizes.hidden()),
                rows(sizes.hidden()),
                rows(sizes.inner()));
    }

    /** What was opened so far, to be closed if loading fails. */
    private record Parts(EncoderTensors tensors, Arena memory, List<AutoCloseable> opened) {
        <T extends AutoCloseable> T keep(T part) {
            opened.add(part);
            return part;
        }
    }

    private MemorySegment rows(int width) {
        return memory.allocate((long) options.tokens() * width * Float.BYTES, 64);
    }

    /** Loads an encoder with {@link EncoderOptions#DEFAULT}. */
    public static Encoder load(Device device, String model) {
        return load(device, model, EncoderOptions.DEFAULT);
    }

    /**
     * Loads an encoder. The model's file stays mapped until the encoder is closed.
     *
     * @param device where to compute; to be closed after this
     * @param model a folder, file or {@code maven:} location, as the command line takes it
     * @throws InputException if the model is missing, bad or no BERT encoder
     * @throws DeviceException if the device cannot run it
     */
    public static Encoder load(Device device, String model, EncoderOptions options) {
        ModelInput input = ModelFiles.open(model);
        try {
            LogicalModel logical =
                    LogicalModel.of(input.source(), input.config().flatMap(QuantizationConfig::declaredScheme));
            return load(device, logical, input.config(), options, input);
        } catch (RuntimeException e) {
            input.close();
            throw e;
        }
    }

    /**
     * Loads an encoder from an open model, which has to stay open as long as the encoder is used.
     *
     * @param config its config.json, if it has one
     * @throws InputException if it is no BERT encoder, or a bad one
     * @throws DeviceException if the device cannot run it
     */
    public static Encoder load(Device device, LogicalModel model, Optional<ObjectNode> config, EncoderOptions options) {
        return load(device, model, config, options, () -> {});
    }

    private static Encoder load(
            Device device,
            LogicalModel model,
            Optional<ObjectNode> config,
            EncoderOptions options,
            AutoCloseable behind) {
        Arena memory = Arena.ofShared();
        var opened = new ArrayList<AutoCloseable>();
        try {
            var tensors = new EncoderTensors(model, memory);
            EncoderConfig read = EncoderConfig.of(
                    tensors.location(), config, (int) tensors.words().columns());
            EncoderSizes sizes = EncoderSizes.of(tensors, read);
            var encoder = new Encoder(device, sizes, options, new Parts(tensors, memory, opened));
            opened.add(memory::close);
            opened.add(behind);
            return encoder;
        } catch (RuntimeException e) {
            Plans.close(opened);
            memory.close();
            throw e;
        }
    }

    /** Width of a token's row and of a sequence's vector. */
    public int width() {
        return sizes.hidden();
    }

    /** Most tokens of a sequence. */
    public int positions() {
        return sizes.positions();
    }

    /** Words of the vocabulary. */
    public int vocabulary() {
        return sizes.vocabulary();
    }

    /** Most tokens of a call. */
    public int tokens() {
        return options.tokens();
    }

    /**
     * A vector of length 1 for each sequence.
     *
     * @param ids tokens of all sequences
     * @param sequences which tokens are whose
     * @return [N, width]
     * @throws InputException if there are too many tokens, a sequence is too long, or an id is none of the vocabulary
     * @throws DeviceException if the device fails
     * @throws IllegalStateException after {@link #close()}
     */
    public float[] embed(int[] ids, Sequences sequences) {
        return embed(ids, sequences, LinearObserver.NONE);
    }

    /** As {@link #embed(int[], Sequences)}, telling what goes into linear layers. */
    public synchronized float[] embed(int[] ids, Sequences sequences, LinearObserver observer) {
        EncoderWork done = run(ids, sequences, observer);
        try (Arena arena = Arena.ofShared()) {
            long bytes = (long) sequences.count() * width() * Float.BYTES;
            MemorySegment pooled = arena.allocate(Math.max(1, bytes), 64).asSlice(0, bytes);
            MemorySegment vectors = arena.allocate(Math.max(1, bytes), 64).asSlice(0, bytes);
            shared.pooling().run(done.x(), sequences, pooled);
            shared.unit().run(pooled, MemorySegment.NULL, sequences.count(), vectors);
            return vectors.toArray(ValueLayout.JAVA_FLOAT);
        }
    }

    /**
     * The last layer's rows.
     *
     * @param ids tokens of all sequences
     * @param sequences which tokens are whose
     * @return [tokens, width]
     * @throws InputException if there are too many tokens, a sequence is too long, or an id is none of the vocabulary
     * @throws DeviceException if the device fails
     * @throws IllegalStateException after {@link #close()}
     */
    public synchronized float[] hidden(int[] ids, Sequences sequences) {
        return run(ids, sequences, LinearObserver.NONE).x().toArray(ValueLayout.JAVA_FLOAT);
    }

    private EncoderWork run(int[] ids, Sequences sequences, LinearObserver observer) {
        if (closed) {
            throw new IllegalStateException("the encoder is closed");
        }
        check(ids, sequences);
        EncoderWork call = work.of(sequences);
        embedding.run(places(ids, sequences), ids.length, call.q());
        embeddingNorm.run(call.q(), MemorySegment.NULL, ids.length, call.x());
        layers.forEach(layer -> layer.run(call, observer));
        pooler.ifPresent(name -> seePooler(name, call, observer));
        return call;
    }

    private void check(int[] ids, Sequences sequences) {
        if (ids.length != sequences.tokens()) {
            throw InputException.of(
                    "encoder", ids.length + " ids for " + sequences.tokens() + " tokens", "give one to a token");
        }
        if (ids.length > options.tokens() || sequences.count() > options.tokens()) {
            throw InputException.of(
                    "encoder",
                    sequences.count() + " sequences of " + ids.length + " tokens in a call of " + options.tokens(),
                    "give fewer at a time, or load the encoder for more");
        }
        for (int n = 0; n < sequences.count(); n++) {
            int length = sequences.end(n) - sequences.first(n);
            if (length > positions()) {
                throw InputException.of(
                        "encoder",
                        "sequence " + n + " has " + length + " tokens",
                        "cut it to the " + positions() + " that the model has positions for");
            }
        }
    }

    /** Rows of the tables: word, position, and type 0. */
    private int[] places(int[] ids, Sequences sequences) {
        int tables = typed ? 3 : 2;
        int[] places = new int[ids.length * tables];
        for (int n = 0; n < sequences.count(); n++) {
            for (int t = sequences.first(n); t < sequences.end(n); t++) {
                places[t * tables] = ids[t];
                places[t * tables + 1] = t - sequences.first(n);
            }
        }
        return places;
    }

    /** A sentence's vector does not take the pooler, so that it is not run; what it would see are the first tokens' rows. */
    private void seePooler(String name, EncoderWork call, LinearObserver observer) {
        if (observer == LinearObserver.NONE) {
            return;
        }
        long bytes = (long) width() * Float.BYTES;
        int rows = 0;
        for (int n = 0; n < call.sequences().count(); n++) {
            if (call.sequences().end(n) > call.sequences().first(n)) {
                call.q()
                        .asSlice(rows * bytes, bytes)
                        .copyFrom(call.x().asSlice(call.sequences().first(n) * bytes, bytes));
                rows++;
            }
        }
        observer.sees(List.of(name), call.q().asSlice(0, rows * bytes), rows, width());
    }

    @Override
    public synchronized void close() {
        if (!closed) {
            closed = true;
            Plans.close(opened);
        }
    }
}
