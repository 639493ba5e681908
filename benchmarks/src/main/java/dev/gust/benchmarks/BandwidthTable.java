package dev.gust.benchmarks;

import java.util.Locale;
import java.util.TreeMap;
import java.util.function.ToLongFunction;
import org.openjdk.jmh.results.RunResult;
import org.openjdk.jmh.runner.Runner;
import org.openjdk.jmh.runner.RunnerException;
import org.openjdk.jmh.runner.options.ChainedOptionsBuilder;
import org.openjdk.jmh.runner.options.OptionsBuilder;

/**
 * Runs a benchmark with the methods {@code encode}, {@code decode} and {@code copy}, and prints bytes moved per second
 * beside those of the copy, medians all. Narrow types move fewer bytes for as many elements, so elements per second are
 * held against the copy's as well.
 */
final class BandwidthTable {
    private BandwidthTable() {}

    /**
     * Runs and prints.
     *
     * @param benchmark the class
     * @param parameter its parameter, a row for each value
     * @param bytes bytes that encoding or decoding once moves, for a value
     * @param values the values; none for all
     */
    static void print(Class<?> benchmark, String parameter, ToLongFunction<String> bytes, String... values)
            throws RunnerException {
        ChainedOptionsBuilder options = new OptionsBuilder().include(benchmark.getName() + "\\.");
        if (values.length > 0) {
            options = options.param(parameter, values);
        }
        var medians = new TreeMap<String, double[]>(); // milliseconds of encode, decode, copy
        for (RunResult result : new Runner(options.build()).run()) {
            double median = result.getPrimaryResult().getStatistics().getPercentile(50);
            int column = switch (result.getPrimaryResult().getLabel()) {
                case "encode" -> 0;
                case "decode" -> 1;
                default -> 2;
            };
            medians.computeIfAbsent(result.getParams().getParam(parameter), _ -> new double[3])[column] = median;
        }
        System.out.printf(
                "%n%-12s %10s %9s %9s %10s %9s %9s %10s%n",
                parameter, "encode", "bytes", "elements", "decode", "bytes", "elements", "copy GB/s");
        medians.forEach((value, ms) -> {
            double moved = bytes.applyAsLong(value);
            double copy = 2.0 * Floats.ELEMENTS * Float.BYTES / ms[2] / 1e6;
            double encode = moved / ms[0] / 1e6;
            double decode = moved / ms[1] / 1e6;
            System.out.printf(
                    Locale.ROOT,
                    "%-12s %5.2f GB/s %8.0f%% %8.0f%% %5.2f GB/s %8.0f%% %8.0f%% %10.2f%n",
                    value,
                    encode,
                    100 * encode / copy,
                    100 * ms[2] / ms[0],
                    decode,
                    100 * decode / copy,
                    100 * ms[2] / ms[1],
                    copy);
        });
    }
}
