package dev.gust.benchmarks;

import dev.gust.quantization.vq.Vectors;
import dev.gust.runtime.jvm.JvmDevice;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.HashMap;
import java.util.Locale;
import java.util.Map;
import java.util.stream.Collectors;

/**
 * Heads of one matrix in a folder, with what was measured of them: a run that was stopped goes on where it was, and speed can
 * be measured by itself later. Names hold a hash of the request, not of the code that trains: a new folder for new code.
 *
 * @param folder where heads are written
 * @param matrix its name
 * @param law what recall was measured with; figures of another law do not count
 */
record HeadCache(Path folder, String matrix, String law) {
    /**
     * What was measured once.
     *
     * @param bytes bytes that a query reads, on average
     * @param recall for each noise, at each of {@link HeadFigures#KS}
     */
    @SuppressWarnings("ArrayRecordComponent") // written and printed, never compared
    record Recalls(double bytes, double[][] recall) {
        private String line() {
            return bytes + " "
                    + Arrays.stream(recall)
                            .map(one -> Arrays.stream(one)
                                    .mapToObj(Double::toString)
                                    .collect(Collectors.joining(",")))
                            .collect(Collectors.joining(" "));
        }

        private static Recalls of(String line) {
            String[] parts = line.split(" ", -1);
            double[][] recall = Arrays.stream(parts)
                    .skip(1)
                    .map(part -> Arrays.stream(part.split(",", -1))
                            .mapToDouble(Double::parseDouble)
                            .toArray())
                    .toArray(double[][]::new);
            return new Recalls(Double.parseDouble(parts[0]), recall);
        }
    }

    /** A head's file, trained unless it is there. */
    Path head(JvmDevice device, Vectors x, HeadForm form) throws IOException {
        Path file = file(form, "safetensors");
        if (!Files.exists(file)) {
            double error = VqHeads.train(device, x, form.request(), file);
            Files.writeString(file(form, "error"), Double.toString(error));
        }
        return file;
    }

    /** The relative error of a head's screen. */
    double error(HeadForm form) throws IOException {
        Path file = file(form, "error");
        return Files.exists(file) ? Double.parseDouble(Files.readString(file)) : Double.NaN;
    }

    /** What is known of a head, by how it is searched. */
    Map<String, Recalls> recalls(HeadForm form) throws IOException {
        var known = new HashMap<String, Recalls>();
        Path file = file(form, "recall");
        if (Files.exists(file)) {
            for (String line : Files.readAllLines(file)) {
                String[] parts = line.split("\t", -1);
                if (parts[0].equals(law)) {
                    known.put(parts[1], Recalls.of(parts[2]));
                }
            }
        }
        return known;
    }

    /** Keeps it. */
    void keep(HeadForm form, Map<String, Recalls> known) throws IOException {
        Files.write(
                file(form, "recall"),
                known.entrySet().stream()
                        .map(e -> law + "\t" + e.getKey() + "\t" + e.getValue().line())
                        .sorted()
                        .toList());
    }

    private Path file(HeadForm form, String ending) {
        String name = matrix + "-" + form.label().replaceAll("[^a-z0-9]+", "-");
        String hash = Integer.toHexString(form.request().toString().hashCode());
        return folder.resolve(name.toLowerCase(Locale.ROOT) + "-" + hash + "." + ending);
    }
}
