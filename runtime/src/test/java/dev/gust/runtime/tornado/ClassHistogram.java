package dev.gust.runtime.tornado;

import java.lang.management.ManagementFactory;
import java.util.List;
import javax.management.JMException;
import javax.management.ObjectName;

/** The heap's live objects by class, as the JVM's own diagnostic command counts them after a full collection. */
record ClassHistogram(List<Line> lines) {
    record Line(String name, long instances, long bytes) {}

    static ClassHistogram take() throws JMException {
        String text = (String) ManagementFactory.getPlatformMBeanServer()
                .invoke(
                        new ObjectName("com.sun.management:type=DiagnosticCommand"),
                        "gcClassHistogram",
                        new Object[] {new String[0]},
                        new String[] {String[].class.getName()});
        // "   1:  12345  678901  class.Name (module)"
        return new ClassHistogram(text.lines()
                .map(String::strip)
                .filter(line -> line.matches("\\d+:.*"))
                .map(line -> line.split("\\s+"))
                .map(cells -> new Line(cells[3], Long.parseLong(cells[1]), Long.parseLong(cells[2])))
                .toList());
    }

    long instances(String prefix) {
        return lines.stream()
                .filter(line -> line.name().startsWith(prefix))
                .mapToLong(Line::instances)
                .sum();
    }

    long bytes() {
        return lines.stream().mapToLong(Line::bytes).sum();
    }
}
