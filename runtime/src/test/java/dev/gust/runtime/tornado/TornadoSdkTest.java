package dev.gust.runtime.tornado;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.gust.formats.DeviceException;
import dev.gust.runtime.device.DeviceId;
import dev.gust.runtime.device.DeviceInfo;
import dev.gust.runtime.device.DeviceOptions;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Finding an SDK and saying what is wrong with it, in a JVM without TornadoVM. */
class TornadoSdkTest {
    @TempDir
    Path folder;

    private Path sdk(String where, String version, String... drivers) throws IOException {
        Path home = folder.resolve(where);
        Path jars = Files.createDirectories(home.resolve("share/java/tornado"));
        Files.writeString(jars.resolve("tornado-api-" + version + ".jar"), "");
        for (String driver : drivers) {
            Files.writeString(jars.resolve("tornado-drivers-" + driver + "-" + version + ".jar"), "");
        }
        Files.writeString(home.resolve("tornado-argfile"), "");
        return home;
    }

    private static TornadoSdk named(Path home) {
        return TornadoSdk.find(Map.of("TORNADOVM_HOME", home.toString())).orElseThrow();
    }

    @Test
    void anSdkTellsItsVersionAndBackends() throws IOException {
        Path home = sdk("sdk", "5.2.0-jdk25", "opencl", "cuda", "common", "opencl-jni");
        TornadoSdk sdk = named(home);
        assertThat(sdk.version()).isEqualTo("5.2.0-jdk25");
        assertThat(sdk.backends()).containsExactly("cuda", "opencl");
        assertThat(sdk.problem()).isEmpty();
        assertThat(sdk.argumentFile()).isRegularFile();

        // The order in which it numbers them, of those whose jars are there.
        Files.createDirectories(home.resolve("etc"));
        Files.writeString(
                home.resolve("etc/tornado.backend"), "# c\ntornado.backends=opencl-backend,ptx-backend,cuda-backend\n");
        assertThat(named(home).backends()).containsExactly("opencl", "cuda");
    }

    @Test
    void theNamedSdkComesBeforeSdkmans() throws IOException {
        Path named = sdk("named", "5.2.0-jdk25", "ptx");
        Path sdkman = sdk("home/.sdkman/candidates/tornadovm/current", "5.1.0-jdk25", "opencl");
        Path moved = sdk("moved/candidates/tornadovm/current", "5.0.0-jdk25", "opencl");
        String home = folder.resolve("home").toString();
        assertThat(TornadoSdk.find(Map.of("HOME", home, "TORNADOVM_HOME", named.toString())))
                .map(TornadoSdk::home)
                .hasValue(named);
        assertThat(TornadoSdk.find(Map.of("HOME", home, "TORNADOVM_HOME", "")))
                .map(TornadoSdk::home)
                .hasValue(sdkman);
        assertThat(TornadoSdk.find(Map.of(
                        "HOME", home, "SDKMAN_DIR", folder.resolve("moved").toString())))
                .map(TornadoSdk::home)
                .hasValue(moved);
        assertThat(TornadoSdk.find(Map.of("HOME", folder.resolve("empty").toString())))
                .isEmpty();
    }

    @Test
    void whatIsWrongIsSaidWithWhatMendsIt() throws IOException {
        assertThat(named(folder.resolve("gone")).problem())
                .hasValueSatisfying(p -> assertThat(p).contains("TORNADOVM_HOME", "no folder", "correct or unset"));
        assertThat(named(Files.createDirectories(folder.resolve("empty"))).problem())
                .hasValueSatisfying(p -> assertThat(p).contains("tornado-api", "sdk install tornadovm"));
        assertThat(named(sdk("old", "5.2.0-jdk21", "opencl")).problem())
                .hasValueSatisfying(p -> assertThat(p).contains("5.2.0-jdk21", "not for JDK 25", "sdk install"));
        assertThat(named(sdk("older", "1.1.1", "opencl")).problem())
                .hasValueSatisfying(p -> assertThat(p).contains("1.1.1 is not for JDK 25"));
        Path half = sdk("half", "5.2.0-jdk25", "opencl");
        Files.delete(half.resolve("tornado-argfile"));
        assertThat(named(half).problem())
                .hasValueSatisfying(p -> assertThat(p).contains("no tornado-argfile", "--generate-argfile"));
    }

    @Test
    void withoutAnSdkThereIsNoDeviceAndAWayToGetOne() {
        assertThat(TornadoDevices.list(Optional.empty())).isEmpty();
        assertThatThrownBy(() -> TornadoDevices.open(DeviceId.TORNADO, DeviceOptions.defaults(), Optional.empty()))
                .isInstanceOf(DeviceException.class)
                .hasMessageContaining("tornado")
                .hasMessageContaining("not installed")
                .hasMessageContaining("sdk install tornadovm 5.2.0-jdk25-opencl");
    }

    @Test
    void anSdkThatThisJvmWasNotStartedWithIsListedWithTheReason() throws IOException {
        TornadoSdk sdk = named(sdk("sdk", "5.2.0-jdk25", "opencl"));
        List<DeviceInfo> devices = TornadoDevices.list(Optional.of(sdk));
        assertThat(devices).hasSize(1);
        assertThat(devices.getFirst().id()).isEqualTo(DeviceId.TORNADO);
        assertThat(devices.getFirst().unusable())
                .hasValueSatisfying(why -> assertThat(why).contains("java @" + sdk.argumentFile()));
        assertThatThrownBy(
                        () -> TornadoDevices.open(DeviceId.tornado(0, 0), DeviceOptions.defaults(), Optional.of(sdk)))
                .isInstanceOf(DeviceException.class)
                .hasMessageContaining("tornado:0:0")
                .hasMessageContaining("java @");
    }

    @Test
    void computeCapabilityIsReadFromWhatTheDriverSays() {
        assertThat(TornadoFeatures.cudaCapability("Device vendor    : x\nDevice version   : CUDA 9.0\n"))
                .isEqualTo(90);
        assertThat(TornadoFeatures.cudaCapability("Device version   : OpenCL 3.0"))
                .isZero();
    }

    @Test
    void reasonsAreOneLineOfTheInnermostMessage() {
        var cause = new IllegalStateException("\u001b[33mBailout is disabled. \nReason: no\n\tsuch   thing\u001b[0m");
        assertThat(TornadoFailures.reason(new RuntimeException("outer", cause))).isEqualTo("no such thing");
        assertThat(TornadoFailures.reason(new AssertionError()))
                .startsWith("AssertionError in " + TornadoSdkTest.class.getName());
        assertThat(TornadoFailures.of(DeviceId.TORNADO, "x", new IllegalStateException("y".repeat(10_000))))
                .message()
                .hasSizeLessThan(1000);
    }
}
