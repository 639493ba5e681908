package dev.gust.runtime.layer;

import dev.gust.formats.InputException;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;

/**
 * Where each sequence's inputs lie in its ring [W, C], and how many there are. An input goes where the one of W steps before
 * lay, which no convolution wants any more: so none that runs at the same time reads it.
 */
final class LayerRings {
    private final GatedDeltaLayer layer;
    private final int width;
    private final int channels;

    /** Where the next input goes. */
    private final int[] position;

    /** How many before it there are, at most W − 1. */
    private final int[] before;

    /** Whether the recurrence's state is zero, whatever a device holds. */
    private final boolean[] cleared;

    LayerRings(GatedDeltaLayer layer, int sequences) {
        this.layer = layer;
        this.width = layer.conv().width();
        this.channels = layer.conv().channels();
        this.position = new int[sequences];
        this.before = new int[sequences];
        this.cleared = new boolean[sequences];
        Arrays.fill(cleared, true);
    }

    int sequences() {
        return position.length;
    }

    int position(int sequence) {
        return position[sequence];
    }

    int before(int sequence) {
        return before[sequence];
    }

    boolean cleared(int sequence) {
        return cleared[sequence];
    }

    /** A step was made. */
    void advance(int sequence) {
        position[sequence] = (position[sequence] + 1) % width;
        before[sequence] = Math.min(before[sequence] + 1, width - 1);
        cleared[sequence] = false;
    }

    void clear(int sequence) {
        if (sequence < 0 || sequence >= position.length) {
            throw InputException.of(
                    GatedDeltaLayer.NAME,
                    "there is no sequence " + sequence,
                    "name one of 0 to " + (position.length - 1));
        }
        before[sequence] = 0;
        cleared[sequence] = true;
    }

    /** @throws InputException if states do not have their sizes */
    void check(MemorySegment state, MemorySegment conv, int n) {
        if (n < 0 || n > position.length) {
            throw InputException.of(
                    GatedDeltaLayer.NAME,
                    "states of " + n + " sequences for a plan of " + position.length,
                    "prepare a larger plan");
        }
        Floats.require(GatedDeltaLayer.NAME, "state", state, n * layer.stateElements(), "[n, HV, K, V]");
        Floats.require(GatedDeltaLayer.NAME, "conv", conv, n * layer.convElements(), "[n, C, W-1]");
    }

    /** Users' inputs [n, C, W − 1] into rings [n, W, C]. */
    void load(MemorySegment conv, MemorySegment rings, int n) {
        int kept = width - 1;
        for (int i = 0; i < n; i++) {
            position[i] = kept;
            before[i] = kept;
            cleared[i] = false;
            for (int c = 0; c < channels; c++) {
                for (int j = 0; j < kept; j++) {
                    float value = Floats.at(conv, ((long) i * channels + c) * kept + j);
                    Floats.set(rings, ((long) i * width + j) * channels + c, value);
                }
            }
        }
    }

    /** Rings [n, W, C] into users' inputs [n, C, W − 1]; those that there are not are zero. */
    void save(MemorySegment rings, MemorySegment conv, int n) {
        int kept = width - 1;
        for (int i = 0; i < n; i++) {
            for (int j = 0; j < kept; j++) {
                boolean there = kept - j <= before[i];
                long row = (long) i * width + (position[i] + 1 + j) % width;
                for (int c = 0; c < channels; c++) {
                    float value = there ? Floats.at(rings, row * channels + c) : 0;
                    Floats.set(conv, ((long) i * channels + c) * kept + j, value);
                }
            }
        }
    }
}
