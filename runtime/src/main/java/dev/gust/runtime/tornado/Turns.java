package dev.gust.runtime.tornado;

import java.util.concurrent.Semaphore;

/**
 * Who may be inside TornadoVM. It is one per process: while it compiles, other threads that use it have crashed the JVM,
 * and its profiler is a switch for all plans at once. So building, first executions and profiled executions take all
 * places, other executions one each.
 *
 * <p>A semaphore rather than a lock, since a turn that hangs in a driver is given back by whoever waited for it.
 */
enum Turns {
    SHARED(1),
    EXCLUSIVE(Turns.PLACES);

    private static final int PLACES = 1 << 20;
    /** Fair, so that a stream of executions does not keep a build out. */
    private static final Semaphore TORNADO = new Semaphore(PLACES, true);

    private final int places;

    Turns(int places) {
        this.places = places;
    }

    void take() {
        TORNADO.acquireUninterruptibly(places);
    }

    void giveBack() {
        TORNADO.release(places);
    }
}
