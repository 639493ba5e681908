package dev.gust.runtime.tornado;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.gust.formats.DeviceException;
import dev.gust.runtime.device.DeviceId;
import java.time.Duration;
import java.util.ArrayList;
import java.util.concurrent.Callable;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** The thread and its watchdog, with work that is not TornadoVM's. */
@Timeout(60)
class DeviceThreadTest {
    private static final Duration LONG = Duration.ofSeconds(50);

    private static int call(DeviceThread thread, Turns turn, Duration limit, Callable<Integer> work) {
        try {
            return thread.call(turn, "adding", limit, work);
        } catch (RuntimeException | Error e) {
            throw e;
        } catch (Throwable e) {
            throw new IllegalStateException(e);
        }
    }

    @Test
    void callsRunOneAfterAnotherOnOneThread() throws Exception {
        var thread = new DeviceThread(DeviceId.tornado(0, 0));
        var names = new ArrayList<String>(); // guarded by being used on one thread
        try (var callers = Executors.newFixedThreadPool(4)) {
            var results = new ArrayList<Future<Integer>>();
            for (int i = 0; i < 200; i++) {
                int number = i;
                results.add(callers.submit(() ->
                        call(thread, number % 7 == 0 ? Turns.EXCLUSIVE : Turns.SHARED, LONG, () -> {
                            names.add(Thread.currentThread().getName());
                            return number;
                        })));
            }
            for (int i = 0; i < 200; i++) {
                assertThat(results.get(i).get()).isEqualTo(i);
            }
        }
        assertThat(names).hasSize(200).containsOnly("gust tornado:0:0");
    }

    @Test
    void failuresComeBackAsTheyAre() {
        var thread = new DeviceThread(DeviceId.tornado(0, 0));
        assertThatThrownBy(() -> call(thread, Turns.EXCLUSIVE, LONG, () -> {
                    throw new LinkageError("x");
                }))
                .isInstanceOf(LinkageError.class)
                .hasMessage("x");
        assertThat(call(thread, Turns.EXCLUSIVE, LONG, () -> 3)).isEqualTo(3);
    }

    @Test
    void whoHangsIsLeftBehindAndHoldsNobodyUp() throws Exception {
        var sick = new DeviceThread(DeviceId.tornado(0, 0));
        var healthy = new DeviceThread(DeviceId.tornado(0, 1));
        var end = new CountDownLatch(1);
        try (var callers = Executors.newFixedThreadPool(1)) {
            var begun = new CountDownLatch(1);
            Future<Integer> hanging = callers.submit(() -> call(sick, Turns.EXCLUSIVE, Duration.ofMillis(300), () -> {
                begun.countDown();
                end.await();
                return 1;
            }));
            begun.await();
            // This one waits behind it, has no limit, and is told nonetheless.
            assertThatThrownBy(() -> call(sick, Turns.SHARED, Duration.ZERO, () -> 2))
                    .isInstanceOf(DeviceException.class)
                    .hasMessageContaining("hangs in adding");
            assertThatThrownBy(hanging::get)
                    .cause()
                    .isInstanceOf(DeviceException.class)
                    .hasMessageContaining("adding has not returned")
                    .hasMessageContaining("gust.device.timeout");
            assertThat(sick.stuckIn()).hasValue("adding");
            assertThat(call(healthy, Turns.EXCLUSIVE, LONG, () -> 5)).isEqualTo(5);
            assertThatThrownBy(() -> call(sick, Turns.SHARED, LONG, () -> 2)).isInstanceOf(DeviceException.class);
            end.countDown();
            while (sick.stuckIn().isPresent()) {
                Thread.onSpinWait();
            }
            assertThat(call(sick, Turns.EXCLUSIVE, LONG, () -> 6)).isEqualTo(6);
        } finally {
            end.countDown();
        }
    }

    @Test
    void anInterruptionWaitsForTheDeviceAndIsPassedOn() {
        var thread = new DeviceThread(DeviceId.tornado(0, 0));
        Thread.currentThread().interrupt();
        assertThatCode(() -> call(thread, Turns.SHARED, LONG, () -> {
                    Thread.sleep(100);
                    return 1;
                }))
                .doesNotThrowAnyException();
        assertThat(Thread.interrupted()).isTrue();
    }
}
