package dev.gust.runtime.attention.jvm;

import java.lang.foreign.MemorySegment;
import java.util.ArrayDeque;
import java.util.Arrays;
import java.util.Deque;

/**
 * A head's states of log-linear attention: panels for each level that stands for tokens. All of a head decays alike, so what a
 * state has decayed by since it was written is one number, and what goes up a level takes its memory along.
 */
public final class LevelStates {
    private static final float[] NONE = {};

    private final Panels panels;
    private final float[][] states;
    private final float[] fades;
    private final Deque<float[]> free = new ArrayDeque<>();

    /** @param levels L; level 0 has no state */
    public LevelStates(Panels panels, int levels) {
        this.panels = panels;
        this.states = new float[levels][];
        this.fades = new float[levels];
        Arrays.fill(states, NONE);
    }

    /** Levels, of which 0 has no state. */
    int count() {
        return states.length;
    }

    /** Whether a level has something in it. */
    boolean has(int level) {
        return states[level].length > 0;
    }

    float[] state(int level) {
        return states[level];
    }

    /** What multiplies a level's state. */
    float fade(int level) {
        return fades[level];
    }

    /** All levels decay. */
    void decay(float factor) {
        for (int level = 1; level < states.length; level++) {
            fades[level] *= factor;
        }
    }

    /**
     * Moves what is in the levels below one up to it, as one state with a factor of {@link #fade}; zeros if there is nothing.
     *
     * @return the state, to which its owner adds
     */
    float[] raise(int target) {
        int from = target - 1;
        while (from > 0 && !has(from)) {
            from--;
        }
        if (from == 0) {
            states[target] = zeros();
            fades[target] = 1;
            return states[target];
        }
        states[target] = states[from];
        fades[target] = fades[from];
        drop(from);
        for (int level = from - 1; level > 0; level--) {
            if (has(level)) {
                settle(target);
                RowLoops.add(states[target], states[level], fades[level]);
                free.push(states[level]);
                drop(level);
            }
        }
        return states[target];
    }

    /** Says that an owner has multiplied a level's factor into its state. */
    void settled(int level) {
        fades[level] = 1;
    }

    private void settle(int level) {
        if (fades[level] != 1) {
            RowLoops.scale(states[level], 0, states[level].length, fades[level]);
            fades[level] = 1;
        }
    }

    private void drop(int level) {
        states[level] = NONE;
    }

    private float[] zeros() {
        float[] used = free.poll();
        if (used == null) {
            return new float[Math.toIntExact(panels.elements())];
        }
        Arrays.fill(used, 0);
        return used;
    }

    /** Sets all levels to zero. */
    public void clear() {
        for (int level = 1; level < states.length; level++) {
            if (has(level)) {
                free.push(states[level]);
                drop(level);
            }
        }
    }

    /** Fills all levels from [L, K, V] float32. */
    public void load(MemorySegment from, long at) {
        clear();
        for (int level = 1; level < states.length; level++) {
            states[level] = zeros();
            fades[level] = 1;
            panels.load(from, at + level * stateBytes(), states[level]);
        }
    }

    /** Forgets levels that stand for no tokens, whatever was loaded into them. */
    void keep(int tokens) {
        for (int level = 1; level < states.length; level++) {
            if (has(level) && (tokens >> (level - 1) & 1) == 0) {
                free.push(states[level]);
                drop(level);
            }
        }
    }

    /** Writes all levels as [L, K, V] float32. */
    public void save(MemorySegment to, long at) {
        to.asSlice(at, states.length * stateBytes()).fill((byte) 0);
        for (int level = 1; level < states.length; level++) {
            if (has(level)) {
                settle(level);
                panels.save(states[level], to, at + level * stateBytes());
            }
        }
    }

    private long stateBytes() {
        return (long) panels.keyDim() * panels.valueDim() * Float.BYTES;
    }
}
