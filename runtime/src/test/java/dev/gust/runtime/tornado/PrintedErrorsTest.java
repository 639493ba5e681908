package dev.gust.runtime.tornado;

import static java.lang.ProcessBuilder.Redirect.DISCARD;
import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;

/** TornadoVM's errors are read from what it prints, and nobody's output is lost or changed. */
class PrintedErrorsTest {
    private static String refusedIn(String... lines) {
        return PrintedErrors.refusedIn(String.join("\n", lines).getBytes(StandardCharsets.UTF_8));
    }

    @Test
    void refusedCallsAreErrors() {
        assertThat(refusedIn("anything", NativePrinter.REFUSED, NativePrinter.REFUSED))
                .isEqualTo(NativePrinter.WHAT);
        assertThat(refusedIn(
                        "\t[TornadoVM-PTX-JNI] ERROR : cuMemcpyHtoDAsyncMemSeg -> Returned: 1",
                        "[TornadoVM-OCL-JNI] ERROR : clEnqueueNDRangeKernel -> Returned: -5"))
                .isEqualTo("cuMemcpyHtoDAsyncMemSeg: 1; clEnqueueNDRangeKernel: -5");
    }

    @Test
    void whatDoesNoHarmIsNone() {
        assertThat(refusedIn(
                        "ERROR : somebody else's -> Returned: 1",
                        "[TornadoVM-CUDA-JNI] ERROR : cuMemHostRegister -> Returned: 801 (CUDA_ERROR_NOT_SUPPORTED)",
                        "[TornadoVM-OCL-NVML-JNI] ERROR : nvmlInit -> Returned: 9"))
                .isEmpty();
    }

    @Test
    @EnabledOnOs({OS.LINUX, OS.MAC})
    void allOutputArrivesInItsOrder() throws Exception {
        Process process = printer("exec \"$0\" \"$@\"").redirectError(DISCARD).start();
        List<String> lines = lines(process.getInputStream());
        assertThat(process.waitFor()).isZero();
        assertThat(lines).hasSize(8);
        assertThat(lines).map(line -> line.substring(0, 1)).contains("0", "1", "2", "3", "4", "5", "6", "7");
        // C's own buffer is written late when nobody asks for it: only these are sure to come in turn.
        assertThat(lines.subList(2, 7)).map(line -> line.substring(0, 1)).containsExactly("2", "3", "4", "5", "6");
        assertThat(lines.get(4)).hasSize(2 + 5 * 500_000 + NativePrinter.REFUSED.length());
    }

    /** Its descriptor 1 is one of the JVM's own files, which must stay what it is. */
    @Test
    @EnabledOnOs({OS.LINUX, OS.MAC})
    void aProcessWithoutOutputHearsNothing() throws Exception {
        Process process =
                printer("exec \"$0\" \"$@\" >&-").redirectOutput(DISCARD).start();
        assertThat(lines(process.getErrorStream())).noneMatch(line -> line.contains("refused"));
        assertThat(process.waitFor()).isZero();
    }

    @Test
    @EnabledOnOs({OS.LINUX, OS.MAC})
    void whatIsPrintedMeanwhileIsHeard() throws Exception {
        Process process = printer("exec \"$0\" \"$@\"").redirectOutput(DISCARD).start();
        assertThat(lines(process.getErrorStream()))
                .contains("second: the driver refused " + NativePrinter.WHAT)
                .noneMatch(line -> line.startsWith("first"));
        assertThat(process.waitFor()).isZero();
    }

    /** The program as a shell starts it. */
    private static ProcessBuilder printer(String command) {
        return new ProcessBuilder(
                "sh",
                "-c",
                command,
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "--enable-native-access=ALL-UNNAMED",
                "-cp",
                System.getProperty("java.class.path"),
                NativePrinter.class.getName());
    }

    private static List<String> lines(InputStream stream) throws IOException {
        return new String(stream.readAllBytes(), StandardCharsets.UTF_8).lines().toList();
    }
}
