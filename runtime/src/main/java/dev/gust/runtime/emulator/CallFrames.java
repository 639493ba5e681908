package dev.gust.runtime.emulator;

import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * Where a work-item stands in its code. At a barrier a rewritten kernel saves its variables here, the innermost method
 * first, and returns; called again, it finds them, the outermost method first, and goes on behind the barrier. Public
 * because rewritten kernels are loaded apart; of no use to anybody else.
 */
public final class CallFrames {
    private long[] words = new long[16];
    private int wordCount;
    private @Nullable Object[] references = new @Nullable Object[8];
    private int referenceCount;
    /** The points at which methods were left, innermost first. */
    private int[] points = new int[4];

    private int pointCount;

    /** The calls that lead to where the work-item is: numbers of calls, folded. */
    private long path;

    private long[] outerPaths = new long[4];
    private int depth;
    private boolean suspended;
    private Wait wait = Wait.NOTHING;
    private long waitsAt;
    private int waitsInLine;

    /** What a work-item waits for. */
    enum Wait {
        /** It has returned, or not begun. */
        NOTHING,
        LOCAL_BARRIER,
        GLOBAL_BARRIER,
        /** The other lanes of its warp. */
        EXCHANGE
    }

    CallFrames() {}

    /** Forgets everything: the next call begins the kernel. */
    void reset() {
        wordCount = 0;
        referenceCount = 0;
        pointCount = 0;
        proceed();
    }

    /** Before the kernel is called, to begin or to go on. */
    void proceed() {
        path = 1;
        depth = 0;
        suspended = false;
        wait = Wait.NOTHING;
    }

    /** What the work-item waits for, after the kernel has returned. */
    Wait waits() {
        return wait;
    }

    /** Which barrier it waits at, as reached by which calls. */
    long waitsAt() {
        return waitsAt;
    }

    /** The barrier's line in its source. */
    int waitsInLine() {
        return waitsInLine;
    }

    /** A number for an allocation in the code, reached by the present calls. */
    long place(int number) {
        return path * 0x9e3779b97f4a7c15L + number;
    }

    /** A method begins: 0 to begin it, or the point at which it was left. */
    public int enter() {
        if (pointCount == 0) {
            return 0;
        }
        pointCount--;
        return points[pointCount];
    }

    /** Before a call that may meet a barrier. */
    public void call(int point) {
        if (depth == outerPaths.length) {
            outerPaths = Arrays.copyOf(outerPaths, 2 * depth);
        }
        outerPaths[depth] = path;
        depth++;
        path = place(point);
    }

    /** After such a call: whether it met one, so that the caller has to save its variables and return. */
    public boolean returned() {
        depth--;
        path = outerPaths[depth];
        return suspended;
    }

    /** A barrier, after the variables were saved. */
    public void localBarrier(int point, int line) {
        suspend(Wait.LOCAL_BARRIER, point, line);
    }

    /** A barrier, after the variables were saved. */
    public void globalBarrier(int point, int line) {
        suspend(Wait.GLOBAL_BARRIER, point, line);
    }

    /** An exchange between the lanes of a warp, after the variables were saved. */
    public void exchange(int point, int line) {
        suspend(Wait.EXCHANGE, point, line);
    }

    private void suspend(Wait what, int point, int line) {
        wait = what;
        waitsAt = place(point);
        waitsInLine = line;
        suspended = true;
        leave(point);
    }

    /** A method returns because of a barrier, after its variables were saved. */
    public void leave(int point) {
        if (pointCount == points.length) {
            points = Arrays.copyOf(points, 2 * pointCount);
        }
        points[pointCount] = point;
        pointCount++;
    }

    /** Saves a variable. */
    public void saveLong(long value) {
        if (wordCount == words.length) {
            words = Arrays.copyOf(words, 2 * wordCount);
        }
        words[wordCount] = value;
        wordCount++;
    }

    public void saveInt(int value) {
        saveLong(value);
    }

    public void saveFloat(float value) {
        saveLong(Float.floatToRawIntBits(value));
    }

    public void saveDouble(double value) {
        saveLong(Double.doubleToRawLongBits(value));
    }

    public void saveReference(@Nullable Object value) {
        if (referenceCount == references.length) {
            references = Arrays.copyOf(references, 2 * referenceCount);
        }
        references[referenceCount] = value;
        referenceCount++;
    }

    /** The variable that was saved last. */
    public long restoreLong() {
        wordCount--;
        return words[wordCount];
    }

    public int restoreInt() {
        return (int) restoreLong();
    }

    public float restoreFloat() {
        return Float.intBitsToFloat((int) restoreLong());
    }

    public double restoreDouble() {
        return Double.longBitsToDouble(restoreLong());
    }

    public @Nullable Object restoreReference() {
        referenceCount--;
        return references[referenceCount];
    }
}
