package dev.gust.cli;

import java.io.PrintWriter;
import java.io.StringWriter;

/** Runs {@code inspect} on each argument in one small heap and prints exit code and stderr, a line for each. */
final class ManyRuns {
    private ManyRuns() {}

    public static void main(String[] files) {
        for (String file : files) {
            var err = new StringWriter();
            int code = Main.run(new PrintWriter(new StringWriter()), new PrintWriter(err), "inspect", file);
            System.out.println(code + " " + err.toString().strip());
        }
    }
}
