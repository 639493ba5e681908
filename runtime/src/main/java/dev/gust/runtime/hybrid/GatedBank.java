package dev.gust.runtime.hybrid;

import dev.gust.formats.tensor.Shape;
import dev.gust.runtime.attention.HeadMap;
import dev.gust.runtime.layer.CausalConv;
import dev.gust.runtime.layer.ConvPlan;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Optional;

/** {@link HybridRule#GAM}: to softmax attention the bank is keys and values that every token sees. */
final class GatedBank implements HybridParts {
    private final int channels;
    private final int slots;
    private final MemorySegment bank;
    private final Parts parts = new Parts();
    private final ConvPlan conv;
    private final AttendPlan softmax;

    GatedBank(HybridSetup setup) {
        Shape x = setup.shape("x", 3);
        setup.require("conv_gate", x.dims());
        setup.require("bank_gate", x.dims());
        this.channels = (int) x.dim(2);
        this.slots = (int) setup.shape("bank", 2).dim(0);
        setup.require("bank", slots, channels);
        int taps = (int) setup.shape("w", 2).dim(1);
        setup.require("w", channels, taps);
        int tokens = setup.tokens("x");
        var sizes = new AttendSizes(tokens, slots, 1, 1, channels, channels);
        Arena memory = parts.add(Arena.ofShared());
        try {
            this.bank = memory.allocate((long) slots * channels * Float.BYTES, 64);
            bank.copyFrom(setup.weights().getOrDefault("bank", MemorySegment.NULL));
            MemorySegment w = memory.allocate((long) channels * taps * Float.BYTES, 64);
            w.copyFrom(setup.weights().getOrDefault("w", MemorySegment.NULL));
            this.conv = parts.add(new CausalConv(channels, taps, w, MemorySegment.NULL, false)
                    .prepare(setup.device(), tokens, setup.sequences()));
            this.softmax = parts.add(Attend.softmax(sizes, HeadMap.INTERLEAVED, 1)
                    .prepare(setup.device(), setup.threads(), Optional.empty()));
        } catch (RuntimeException e) {
            parts.close();
            throw e;
        }
    }

    @Override
    public void run(HybridCall call) {
        int tokens = call.sequences().tokens();
        long floats = (long) tokens * channels;
        for (int s = 0; s < call.sequences().count(); s++) {
            conv.clear(s);
        }
        MemorySegment local = call.floats(floats);
        call.add(conv.run(call.tensor("x"), call.sequences(), local));
        int[] bounds = new int[KeyRanges.LENGTH * tokens];
        for (int i = 0; i < tokens; i++) {
            KeyRanges.set(bounds, i, 0, 0, slots);
        }
        call.add(softmax.run(new AttendCall(
                call.tensor("x"), bank, bank, new KeyRanges(bounds, new int[0]), call.o(), Optional.empty())));
        for (long i = 0; i < floats; i++) {
            double ofConv = HostRows.sigmoid(HostRows.get(call.tensor("conv_gate"), i));
            double ofBank = HostRows.sigmoid(HostRows.get(call.tensor("bank_gate"), i));
            double sum = ofConv * HostRows.get(local, i) + ofBank * HostRows.get(call.o(), i);
            HostRows.set(call.o(), i, (float) sum);
        }
    }

    @Override
    public void close() {
        parts.close();
    }
}
