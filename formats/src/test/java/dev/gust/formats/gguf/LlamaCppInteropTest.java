package dev.gust.formats.gguf;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_BOOLEAN;
import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;
import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.fail;

import dev.gust.formats.codec.TensorCodec;
import dev.gust.formats.codec.block.BlockCodecs;
import dev.gust.formats.file.FileLayout;
import dev.gust.formats.file.FileLayout.Placement;
import dev.gust.formats.tensor.DType;
import dev.gust.formats.tensor.Shape;
import dev.gust.formats.tensor.Tensor;
import dev.gust.formats.tensor.TensorInfo;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.stream.Stream;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Our blocks and files against llama.cpp's own library. */
class LlamaCppInteropTest {
    /** Numbers of types that were withdrawn, and of two that are newer than what we know. */
    private static final Set<Integer> UNKNOWN = Set.of(4, 5, 31, 32, 33, 36, 37, 38, 41, 42);

    private static final int ELEMENTS = 256 * 24;

    @SuppressWarnings("NullAway.Init") // set before the first test, or no test runs
    private static GgmlLibrary ggml;

    @TempDir
    Path folder;

    @BeforeAll
    static void load() {
        try {
            ggml = GgmlLibrary.load();
        } catch (GgmlLibrary.Unavailable e) {
            String message = "The llama.cpp interoperability suite did not run: " + e.getMessage();
            System.out.println(message);
            Assumptions.abort(message);
        }
    }

    static Stream<DType> encodable() {
        return Arrays.stream(DType.values()).filter(BlockCodecs::encodes);
    }

    static Stream<DType> decodable() {
        return Arrays.stream(DType.values()).filter(d -> BlockCodecs.of(d).isPresent());
    }

    @ParameterizedTest
    @EnumSource(DType.class)
    void geometryIsTheLibrarys(DType dtype) {
        GgmlTypes.id(dtype).ifPresent(id -> {
            assertThat(ggml.typeSize(id)).isEqualTo(dtype.blockBytes());
            assertThat(ggml.blockSize(id)).isEqualTo(dtype.blockElements());
            assertThat(GgmlTypes.dtype(id)).contains(dtype);
        });
        if (dtype.kind() == DType.Kind.BLOCK) {
            assertThat(GgmlTypes.id(dtype)).isPresent();
        }
    }

    @Test
    void noTypeIsOverlooked() {
        for (int id = 0; id < 43; id++) {
            assertThat(GgmlTypes.dtype(id).isEmpty()).as("type %s", id).isEqualTo(UNKNOWN.contains(id));
        }
    }

    /** Rows that are easy, and rows that are at the limits of float32, of half scales, and of rounding. */
    enum Rows {
        GAUSSIAN {
            @Override
            float value(Random random, int i) {
                return (float) random.nextGaussian() * 0.02f;
            }
        },
        LAPLACE {
            @Override
            float value(Random random, int i) {
                return (float) (Math.log(1 - random.nextDouble()) * (random.nextBoolean() ? 1 : -1));
            }
        },
        CONSTANT {
            @Override
            float value(Random random, int i) {
                return (i / 64 % 7 - 3) * 0.37f;
            }
        },
        ZERO {
            @Override
            float value(Random random, int i) {
                return 0;
            }
        },
        SIGNED_ZEROS {
            @Override
            float value(Random random, int i) {
                return random.nextBoolean() ? 0f : i / 256 % 2 == 0 || random.nextBoolean() ? -0f : random.nextFloat();
            }
        },
        TINY {
            @Override
            float value(Random random, int i) {
                return (float) (random.nextGaussian() * Math.pow(10, -30 - i / 256 % 16));
            }
        },
        SUBNORMAL {
            @Override
            float value(Random random, int i) {
                int magnitude = random.nextInt(1 << (1 + i / 256 % 23));
                return Float.intBitsToFloat(random.nextBoolean() ? magnitude : magnitude | 0x80000000);
            }
        },
        HUGE {
            @Override
            float value(Random random, int i) {
                return (random.nextFloat() * 2 - 1) * (i / 256 % 2 == 0 ? Float.MAX_VALUE : 1e37f);
            }
        },
        ANY_FINITE {
            @Override
            float value(Random random, int i) {
                float value = Float.intBitsToFloat(random.nextInt());
                return Float.isFinite(value) ? value : 1;
            }
        },
        TIES {
            @Override
            float value(Random random, int i) {
                return (random.nextInt(97) - 48) * Math.scalb(0.25f, i / 256 % 20 - 10);
            }
        },
        OUTLIER {
            @Override
            float value(Random random, int i) {
                return (float) random.nextGaussian() * (random.nextInt(100) == 0 ? 1000 : 1);
            }
        };

        abstract float value(Random random, int i);
    }

    @ParameterizedTest
    @MethodSource("encodable")
    void blocksAreTheLibrarysByteForByte(DType dtype) {
        for (Rows rows : Rows.values()) {
            var random = new Random(rows.name().hashCode());
            float[] x = new float[ELEMENTS];
            for (int i = 0; i < x.length; i++) {
                x[i] = rows.value(random, i);
            }
            assertSameBlocks(dtype, x, rows.name());
        }
    }

    /** The scale byte is a floor of a rounded logarithm: every float within reach of that rounding. */
    @Test
    void mxfp4ScalesAreTheLibrarysNearEveryPowerOfTwo() {
        int reach = 100;
        float[] x = new float[32 * 254 * reach];
        for (int exponent = 1; exponent <= 254; exponent++) {
            for (int below = 0; below < reach; below++) {
                int at = 32 * ((exponent - 1) * reach + below);
                x[at] = Float.intBitsToFloat((exponent << 23) + 4 - below);
                x[at + 1] = x[at] / -3;
            }
        }
        assertSameBlocks(DType.MXFP4, x, "below powers of two");
    }

    /** Scales from below the least E4M3 to above the largest, in steps finer than its own. */
    @Test
    void nvfp4ScalesAreTheLibrarysOverTheirRange() {
        float[] x = new float[64 * 30 * 64];
        for (int i = 0; i < x.length; i++) {
            int sub = i / 16;
            float max = Math.scalb(1 + sub % 128 / 128f, sub / 128 - 15) * 6;
            x[i] = i % 16 == 0 ? max : max * (i % 16 - 8) / 8;
        }
        assertSameBlocks(DType.NVFP4, x, "scales");
    }

    private static void assertSameBlocks(DType dtype, float[] x, String rows) {
        TensorCodec codec = BlockCodecs.of(dtype).orElseThrow();
        int id = GgmlTypes.id(dtype).orElseThrow();
        long bytes = dtype.byteSize(x.length);
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment floats = arena.allocateFrom(ValueLayout.JAVA_FLOAT, x);
            MemorySegment theirs = arena.allocate(bytes, 64);
            byte[] ours = new byte[(int) bytes];
            assertThat(ggml.quantize(id, floats, theirs, 1, x.length)).isEqualTo(bytes);
            codec.encode(floats, 0, MemorySegment.ofArray(ours), 0, x.length);
            long differs = theirs.mismatch(MemorySegment.ofArray(ours));
            if (differs >= 0) {
                long block = differs / dtype.blockBytes();
                HexFormat hex = HexFormat.of();
                int from = (int) (block * dtype.blockBytes());
                int to = from + dtype.blockBytes();
                assertThat(hex.formatHex(ours, from, to))
                        .as("%s, %s, block %s", dtype, rows, block)
                        .isEqualTo(hex.formatHex(theirs.toArray(JAVA_BYTE), from, to));
            }
        }
    }

    @ParameterizedTest
    @MethodSource("decodable")
    void anyBlockDecodesAsInTheLibrary(DType dtype) {
        TensorCodec codec = BlockCodecs.of(dtype).orElseThrow();
        byte[] blocks = new byte[(int) dtype.byteSize(256 * 200)];
        new Random(dtype.name().hashCode()).nextBytes(blocks);
        assertSameValues(dtype, codec, blocks);
    }

    private static void assertSameValues(DType dtype, TensorCodec codec, byte[] blocks) {
        int count = blocks.length / dtype.blockBytes() * dtype.blockElements();
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment stored = arena.allocate(blocks.length, 64);
            MemorySegment.copy(blocks, 0, stored, JAVA_BYTE, 0, blocks.length);
            MemorySegment theirs = arena.allocate(4L * count, 64);
            float[] ours = new float[count];
            ggml.dequantize(dtype, stored, theirs, count);
            codec.decode(MemorySegment.ofArray(blocks), 0, MemorySegment.ofArray(ours), 0, count);
            for (int i = 0; i < count; i++) {
                float expected = theirs.getAtIndex(ValueLayout.JAVA_FLOAT, i);
                // floatToIntBits, so that one NaN is as good as another.
                if (Float.floatToIntBits(ours[i]) != Float.floatToIntBits(expected)) {
                    fail("%s element %s is %s, in the library %s", dtype, i, ours[i], expected);
                }
            }
        }
    }

    @ParameterizedTest
    @ValueSource(longs = {32, 64})
    void theLibraryReadsOurFiles(long alignment) throws IOException {
        var metadata = GgufLayoutTest.everyKindOfMetadata();
        if (alignment != 32) {
            metadata.put("general.alignment", GgufValue.u32(alignment));
        }
        List<TensorInfo> tensors = GgufLayoutTest.everyKindOfTensor();
        FileLayout layout = GgufLayout.of(tensors, metadata);
        assertLibraryReads(GgufLayoutTest.write(folder.resolve("ours.gguf"), tensors, metadata), layout);

        // The library drops dimensions of 1 and 0 at the slow end when it writes, so there the heads would differ.
        List<TensorInfo> solid = tensors.stream()
                .filter(t -> t.shape().rank() > 0 && t.shape().elements() > 0)
                .toList();
        layout = GgufLayout.of(solid, metadata);
        assertLibraryWrites(GgufLayoutTest.write(folder.resolve("solid.gguf"), solid, metadata), layout);
    }

    @Test
    void theLibraryReadsOurFilesWithoutTensors() throws IOException {
        Map<String, GgufValue> metadata = Map.of("general.architecture", GgufValue.text("none"));
        for (var entries : List.of(metadata, Map.<String, GgufValue>of())) {
            Path file = GgufLayoutTest.write(folder.resolve("ours.gguf"), List.of(), entries);
            assertLibraryReads(file, GgufLayout.of(List.of(), entries));
            assertLibraryWrites(file, GgufLayout.of(List.of(), entries));
        }
    }

    private static void assertLibraryReads(Path file, FileLayout layout) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment gguf = ggml.openGguf(arena, file);
            assertThat(gguf).isNotEqualTo(MemorySegment.NULL);
            assertThat(get("gguf_get_n_tensors", gguf))
                    .isEqualTo(layout.placements().size());
            long data = get("gguf_get_data_offset", gguf);
            for (int i = 0; i < layout.placements().size(); i++) {
                Placement placement = layout.placements().get(i);
                TensorInfo tensor = placement.tensor();
                var name = (MemorySegment) ggml.call(
                        "gguf_get_tensor_name", FunctionDescriptor.of(ADDRESS, ADDRESS, JAVA_LONG), gguf, (long) i);
                assertThat(name.reinterpret(64).getString(0)).isEqualTo(tensor.name());
                assertThat(data + get("gguf_get_tensor_offset", gguf, i)).isEqualTo(placement.offset());
                assertThat(get("gguf_get_tensor_size", gguf, i)).isEqualTo(tensor.byteSize());
                assertThat(ggml.call(
                                "gguf_get_tensor_type",
                                FunctionDescriptor.of(JAVA_INT, ADDRESS, JAVA_LONG),
                                gguf,
                                (long) i))
                        .isEqualTo(GgmlTypes.id(tensor.dtype()).orElseThrow());
                var ne = (MemorySegment) ggml.call(
                        "gguf_get_tensor_ne", FunctionDescriptor.of(ADDRESS, ADDRESS, JAVA_LONG), gguf, (long) i);
                long[] expected =
                        Arrays.copyOf(GgufHeader.reversed(tensor.shape().dims()), 4);
                Arrays.fill(expected, tensor.shape().rank(), 4, 1);
                assertThat(ne.reinterpret(32).toArray(JAVA_LONG)).isEqualTo(expected);
            }
            ggml.call("gguf_free", FunctionDescriptor.ofVoid(ADDRESS), gguf);
        }
    }

    /** What the library makes of our head, written by itself, must be our head again. */
    private void assertLibraryWrites(Path file, FileLayout layout) throws IOException {
        Path theirs = folder.resolve("theirs.gguf");
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment gguf = ggml.openGguf(arena, file);
            Object written = ggml.call(
                    "gguf_write_to_file",
                    FunctionDescriptor.of(JAVA_BOOLEAN, ADDRESS, ADDRESS, JAVA_BOOLEAN),
                    gguf,
                    arena.allocateFrom(theirs.toString()),
                    true);
            assertThat(written).isEqualTo(true);
            ggml.call("gguf_free", FunctionDescriptor.ofVoid(ADDRESS), gguf);
        }
        byte[] head = Files.readAllBytes(theirs);
        int differs = Arrays.mismatch(head, layout.head());
        if (differs >= 0) {
            fail(
                    "heads differ at byte %s of %s, after '%s'",
                    differs, head.length, new String(head, 0, differs, UTF_8));
        }
    }

    private static long get(String symbol, MemorySegment gguf) {
        return (long) ggml.call(symbol, FunctionDescriptor.of(JAVA_LONG, ADDRESS), gguf);
    }

    private static long get(String symbol, MemorySegment gguf, long index) {
        return (long) ggml.call(symbol, FunctionDescriptor.of(JAVA_LONG, ADDRESS, JAVA_LONG), gguf, index);
    }

    @Test
    void tensorsInOurFilesDecodeAsInTheLibrary() {
        List<TensorInfo> tensors = decodable()
                .map(d -> new TensorInfo(d.name(), d, Shape.of(3, 512)))
                .toList();
        Path path = GgufLayoutTest.write(folder.resolve("blocks.gguf"), tensors, Map.of());
        try (GgufFile file = GgufFile.open(path)) {
            for (TensorInfo info : file.tensors()) {
                try (Tensor tensor = file.open(info.name())) {
                    assertSameValues(
                            info.dtype(),
                            BlockCodecs.of(info.dtype()).orElseThrow(),
                            tensor.data().toArray(JAVA_BYTE));
                }
            }
        }
    }

    /** llama.cpp loads a model of ours: a llama of one layer with random weights. */
    @ParameterizedTest
    @EnumSource(names = {"Q8_0", "Q4_0", "Q4_K", "Q6_K", "MXFP4", "NVFP4"})
    void llamaCppLoadsOurModels(DType dtype) {
        Path path = folder.resolve("llama.gguf");
        List<TensorInfo> tensors = llama(dtype);
        FileLayout layout = GgufLayoutTest.writeFloats(path, tensors, llamaMetadata());
        long parameters = tensors.stream().mapToLong(t -> t.shape().elements()).sum();
        long bytes = tensors.stream().mapToLong(TensorInfo::byteSize).sum();
        assertThat(layout.size()).isGreaterThan(bytes);
        var llama = new LlamaLibrary(ggml);
        assertThat(llama.load(path)).isEqualTo(new LlamaLibrary.Model(parameters, bytes));
    }

    private static List<TensorInfo> llama(DType dtype) {
        Shape square = Shape.of(256, 256);
        Shape norm = Shape.of(256);
        return List.of(
                new TensorInfo("token_embd.weight", DType.F32, Shape.of(64, 256)),
                new TensorInfo("output_norm.weight", DType.F32, norm),
                new TensorInfo("output.weight", dtype, Shape.of(64, 256)),
                new TensorInfo("blk.0.attn_norm.weight", DType.F32, norm),
                new TensorInfo("blk.0.attn_q.weight", dtype, square),
                new TensorInfo("blk.0.attn_k.weight", dtype, square),
                new TensorInfo("blk.0.attn_v.weight", dtype, square),
                new TensorInfo("blk.0.attn_output.weight", dtype, square),
                new TensorInfo("blk.0.ffn_norm.weight", DType.F32, norm),
                new TensorInfo("blk.0.ffn_gate.weight", dtype, Shape.of(512, 256)),
                new TensorInfo("blk.0.ffn_up.weight", dtype, Shape.of(512, 256)),
                new TensorInfo("blk.0.ffn_down.weight", dtype, Shape.of(256, 512)));
    }

    private static Map<String, GgufValue> llamaMetadata() {
        var metadata = new LinkedHashMap<String, GgufValue>();
        metadata.put("general.architecture", GgufValue.text("llama"));
        metadata.put("general.quantization_version", GgufValue.u32(2));
        metadata.put("llama.context_length", GgufValue.u32(64));
        metadata.put("llama.embedding_length", GgufValue.u32(256));
        metadata.put("llama.block_count", GgufValue.u32(1));
        metadata.put("llama.feed_forward_length", GgufValue.u32(512));
        metadata.put("llama.attention.head_count", GgufValue.u32(4));
        metadata.put("llama.attention.layer_norm_rms_epsilon", GgufValue.f32(1e-5f));
        metadata.put("llama.vocab_size", GgufValue.u32(64));
        metadata.put("tokenizer.ggml.model", GgufValue.text("no_vocab"));
        return metadata;
    }
}
