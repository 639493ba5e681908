package dev.gust.runtime.tornado;

import dev.gust.formats.DeviceException;
import dev.gust.runtime.device.DeviceId;
import java.time.Duration;
import java.util.Objects;
import java.util.Optional;
import java.util.concurrent.Callable;
import java.util.concurrent.LinkedTransferQueue;
import java.util.concurrent.atomic.AtomicReference;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;

/**
 * The one thread that talks to a device. TornadoVM keeps a command queue for every thread that executes a plan, so calls
 * from many threads would pile them up; and a call that hangs in a driver cannot be ended, only left behind, which a
 * thread of our own can be. It is a daemon: the process ends without it.
 */
final class DeviceThread {
    /**
     * How long either side looks for the other before it sleeps. Being woken takes tens of microseconds, as much as a
     * small kernel, and a product by a large matrix some hundred; but where processors are few, looking keeps one from the
     * driver's own threads.
     */
    private static final long LOOK_NANOS = Runtime.getRuntime().availableProcessors() > 3 ? 1_000_000 : 2_000;

    private static final long NAP_NANOS = Duration.ofMillis(50).toNanos();

    private final DeviceId device;
    private final LinkedTransferQueue<Call<?>> calls = new LinkedTransferQueue<>();
    /** The call that was left behind, until it returns after all. */
    private volatile @Nullable Call<?> stuck;

    private enum State {
        WAITING,
        RUNNING,
        DONE,
        /** It took too long, and nobody waits any more. */
        ABANDONED,
        /** Nobody waits any more, and it has not begun. */
        CANCELLED
    }

    private static final class Call<T> {
        private final Turns turn;
        private final Callable<T> work;
        private final String what;
        private final Thread caller = Thread.currentThread();
        private final AtomicReference<State> state = new AtomicReference<>(State.WAITING);
        private volatile long began;
        private @Nullable T result;
        private @Nullable Throwable failure;

        Call(Turns turn, Callable<T> work, String what) {
            this.turn = turn;
            this.work = work;
            this.what = what;
        }
    }

    DeviceThread(DeviceId device) {
        this.device = device;
        Thread.ofPlatform().daemon().name("gust " + device).start(this::serve);
    }

    /**
     * Runs something on the device's thread and waits for it.
     *
     * @param what for errors
     * @param limit how long it may take from when it begins; zero for as long as it likes
     * @throws DeviceException if it takes longer, or an earlier call has hung
     * @throws Throwable what it throws
     */
    <T> T call(Turns turn, String what, Duration limit, Callable<T> work) throws Throwable {
        refuseIfStuck();
        var call = new Call<>(turn, work, what);
        calls.put(call);
        long start = System.nanoTime();
        while (call.state.get() != State.DONE && System.nanoTime() - start < LOOK_NANOS) {
            Thread.onSpinWait();
        }
        boolean interrupted = false;
        while (call.state.get() != State.DONE) {
            LockSupport.parkNanos(this, NAP_NANOS);
            // A device does not stop for an interruption: wait, and pass it on.
            interrupted |= Thread.interrupted();
            if (stuck != null && call.state.compareAndSet(State.WAITING, State.CANCELLED)) {
                refuseIfStuck();
            }
            if (!limit.isZero()
                    && call.state.get() == State.RUNNING
                    && System.nanoTime() - call.began > limit.toNanos()
                    && abandon(call)) {
                turn.giveBack();
                throw new DeviceException(
                        device.toString(),
                        what + " has not returned for " + limit.toSeconds() + " s",
                        "use another device, start again, or allow more time with -Dgust.device.timeout=SECONDS");
            }
        }
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
        if (call.failure != null) {
            throw call.failure;
        }
        return Objects.requireNonNull(call.result);
    }

    /** What the device hangs in, if it does. */
    Optional<String> stuckIn() {
        Call<?> call = stuck;
        return call == null ? Optional.empty() : Optional.of(call.what);
    }

    private void refuseIfStuck() {
        stuckIn().ifPresent(what -> {
            throw new DeviceException(
                    device.toString(),
                    "it hangs in " + what + " since an earlier call",
                    "use another device or start again");
        });
    }

    private synchronized boolean abandon(Call<?> call) {
        boolean abandoned = call.state.compareAndSet(State.RUNNING, State.ABANDONED);
        if (abandoned) {
            stuck = call;
        }
        return abandoned;
    }

    private synchronized void returned() {
        stuck = null;
    }

    private void serve() {
        while (true) {
            Call<?> next = calls.poll();
            long start = System.nanoTime();
            while (next == null && System.nanoTime() - start < LOOK_NANOS) {
                Thread.onSpinWait();
                next = calls.poll();
            }
            try {
                next = next == null ? calls.take() : next;
            } catch (InterruptedException e) {
                // Nobody has this thread to interrupt it but a debugger; there is work to do.
                continue;
            }
            run(next);
        }
    }

    private <T> void run(Call<T> call) {
        call.turn.take();
        call.began = System.nanoTime();
        if (!call.state.compareAndSet(State.WAITING, State.RUNNING)) {
            call.turn.giveBack();
            return;
        }
        try {
            call.result = call.work.call();
        } catch (Throwable e) { // TornadoVM throws errors for kernels it cannot compile
            call.failure = e;
        }
        if (call.state.compareAndSet(State.RUNNING, State.DONE)) {
            call.turn.giveBack();
            LockSupport.unpark(call.caller);
        } else {
            returned();
        }
    }
}
