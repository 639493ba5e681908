package dev.gust.cli;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.gust.formats.codec.Codecs;
import dev.gust.formats.codec.FloatFormat;
import dev.gust.formats.codec.TensorCodec;
import dev.gust.formats.tensor.DType;
import dev.gust.runtime.device.HostProcessor;
import dev.gust.runtime.kernel.PtxFaults;
import dev.gust.runtime.tornado.TornadoDevices;
import dev.gust.runtime.tornado.TornadoSdk;
import java.io.File;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;

/** {@code gust doctor}. */
@Command(
        name = "doctor",
        mixinStandardHelpOptions = true,
        versionProvider = Version.class,
        description = "Checks what Gust needs on this machine: what works, what does not, what to install.")
final class DoctorCommand implements Callable<Integer> {
    private static final long LITTLE_MEMORY = 1L << 30;

    private enum State {
        OK,
        /** Something optional is missing. */
        WARN,
        FAIL
    }

    /**
     * One line.
     *
     * @param name what was checked
     * @param state how it is
     * @param found what was found
     * @param remedy what to do; empty if all is well
     */
    private record Check(String name, State state, String found, String remedy) {}

    @Mixin
    CommonOptions common = new CommonOptions();

    @Override
    public Integer call() {
        common.checkArguments();
        var checks = new ArrayList<Check>(
                List.of(jdk(), vectors(), codec(), memory(), temporaryFolder(), workingFolder(), maven(), tornado()));
        checks.addAll(tornadoDevices());
        boolean failed = checks.stream().anyMatch(c -> c.state() == State.FAIL);
        if (common.json) {
            ObjectNode root = JsonNodeFactory.instance.objectNode();
            root.put("ok", !failed);
            ArrayNode array = root.putArray("checks");
            for (Check check : checks) {
                ObjectNode node = array.addObject();
                node.put("name", check.name());
                node.put("state", check.state().name().toLowerCase(Locale.ROOT));
                node.put("found", check.found());
                node.put("remedy", check.remedy());
            }
            common.out().print(root.toPrettyString() + "\n");
        } else if (!common.quiet) {
            var table = new TextTable("check", "state", "found");
            checks.forEach(c -> table.row(
                    c.name(),
                    c.state().name().toLowerCase(Locale.ROOT),
                    c.remedy().isEmpty() ? c.found() : c.found() + "; " + c.remedy()));
            table.print(common.out());
        }
        return failed ? ExitCodes.OTHER : ExitCodes.DONE;
    }

    private static Check jdk() {
        String found = System.getProperty("java.vm.vendor") + " " + Runtime.version();
        return Runtime.version().feature() == 25
                ? new Check("JDK", State.OK, found, "")
                : new Check("JDK", State.FAIL, found, "install a JDK 25 and set JAVA_HOME to it");
    }

    private static Check vectors() {
        HostProcessor host = HostProcessor.detect();
        boolean compiled = !System.getProperty("java.vm.info", "").contains("interpreted");
        return host.vectorBits() >= 128 && compiled
                ? new Check("Vector API", State.OK, host.name() + ", " + host.driver(), "")
                : new Check(
                        "Vector API",
                        State.WARN,
                        host.name() + ", " + host.driver(),
                        "the JVM does not compile vectors here, expect it to be slow");
    }

    /** One round trip through every FP8 code: the bulk path against the definition. */
    private static Check codec() {
        TensorCodec codec = Codecs.of(DType.F8_E4M3).orElseThrow();
        ValueLayout.OfFloat f32 = ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
        int codes = FloatFormat.E4M3FN.codes();
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment stored = arena.allocate(codes);
            MemorySegment floats = arena.allocate((long) codes * Float.BYTES);
            MemorySegment again = arena.allocate(codes);
            for (int c = 0; c < codes; c++) {
                stored.set(ValueLayout.JAVA_BYTE, c, (byte) c);
            }
            codec.decode(stored, 0, floats, 0, codes);
            codec.encode(floats, 0, again, 0, codes);
            boolean right = stored.mismatch(again) == -1;
            for (int c = 0; c < codes && right; c++) {
                right = Float.compare(floats.get(f32, (long) c * Float.BYTES), FloatFormat.E4M3FN.decode(c)) == 0;
            }
            return right
                    ? new Check("FP8 self-test", State.OK, "256 codes there and back", "")
                    : new Check("FP8 self-test", State.FAIL, "codes come back changed", "please report it");
        }
    }

    private static Check memory() {
        HostProcessor host = HostProcessor.detect();
        String found = Figures.bytes(host.memory()) + ", Java heap up to "
                + Figures.bytes(Runtime.getRuntime().maxMemory());
        return host.memory() >= LITTLE_MEMORY
                ? new Check("memory", State.OK, found, "")
                : new Check("memory", State.WARN, found, "use --threads 1 for large models");
    }

    private static Check temporaryFolder() {
        return writable("temporary folder", Path.of(System.getProperty("java.io.tmpdir", "/tmp")), State.FAIL);
    }

    private static Check workingFolder() {
        return writable("working folder", Path.of("").toAbsolutePath(), State.WARN);
    }

    private static Check writable(String name, Path folder, State otherwise) {
        try {
            Path probe = Files.createTempFile(folder, ".gust-doctor", "");
            Files.delete(probe);
            return new Check(
                    name,
                    State.OK,
                    folder + ", " + Figures.bytes(Files.getFileStore(folder).getUsableSpace()) + " free",
                    "");
        } catch (IOException e) {
            return new Check(
                    name, otherwise, folder + " cannot be written", "write elsewhere or change its permissions");
        }
    }

    private static Check maven() {
        return onPath("mvn").isEmpty()
                ? new Check("Maven", State.WARN, "not on PATH", "install Maven 3.8 or newer to read maven: models")
                : new Check("Maven", State.OK, onPath("mvn").getFirst().toString(), "");
    }

    private static Check tornado() {
        return TornadoSdk.find()
                .map(sdk -> {
                    String found = (sdk.version().isEmpty() ? "" : sdk.version() + ", ")
                            + (sdk.backends().isEmpty() ? "" : String.join(", ", sdk.backends()) + ", ")
                            + sdk.home();
                    return sdk.problem()
                            .map(problem -> new Check("TornadoVM SDK", State.WARN, found, problem))
                            .orElseGet(() -> new Check("TornadoVM SDK", State.OK, found, ""));
                })
                .orElseGet(() -> new Check("TornadoVM SDK", State.WARN, "not installed", TornadoSdk.INSTALL));
    }

    /** A line for each device of TornadoVM, and for what keeps one from being used. */
    private static List<Check> tornadoDevices() {
        if (TornadoSdk.find().flatMap(TornadoSdk::problem).isPresent()) {
            return List.of(); // said once
        }
        return TornadoDevices.list().stream()
                .map(device -> new Check(
                        "device " + device.id(),
                        device.unusable().isEmpty() && !PtxFaults.concern(device) ? State.OK : State.WARN,
                        device.name() + ", " + device.driver()
                                + (device.memory() == 0 ? "" : ", " + Figures.bytes(device.memory())),
                        device.unusable().orElse(PtxFaults.concern(device) ? PtxFaults.WARNING : "")))
                .toList();
    }

    private static List<Path> onPath(String program) {
        var found = new ArrayList<Path>();
        Arrays.stream(System.getenv().getOrDefault("PATH", "").split(File.pathSeparator))
                .map(folder -> Path.of(folder, program))
                .filter(Files::isExecutable)
                .forEach(found::add);
        return found;
    }
}
