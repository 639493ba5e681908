package dev.gust.runtime.hybrid;

import dev.gust.kernels.hybrid.WeightKind;
import dev.gust.runtime.attention.HeadMap;
import dev.gust.runtime.device.Device;
import dev.gust.runtime.jvm.JvmDevice;
import dev.gust.runtime.kernel.KernelDevice;
import dev.gust.runtime.kernel.KernelStyle;
import java.util.Optional;

/**
 * What softmax attention and the hybrids share: o = Σ w v / Σ w over stretches of keys.
 *
 * @param sizes the most of a call
 * @param headMap which key head a head uses
 * @param scale multiplies q·k
 * @param kind of {@link WeightKind}
 * @param selective whether keys are chosen one by one
 */
record Attend(AttendSizes sizes, HeadMap headMap, float scale, int kind, boolean selective) {
    /** Softmax over all keys of a stretch. */
    static Attend softmax(AttendSizes sizes, HeadMap headMap, float scale) {
        return new Attend(sizes, headMap, scale, WeightKind.SOFTMAX, false);
    }

    /** Softmax over keys of a stretch that are near or chosen. */
    static Attend selective(AttendSizes sizes, HeadMap headMap, float scale) {
        return new Attend(sizes, headMap, scale, WeightKind.SOFTMAX, true);
    }

    AttendPlan prepare(Device device, int threads, Optional<KernelStyle> style) {
        return switch (device) {
            case KernelDevice kernels -> new KernelAttend(kernels, this, style.orElse(kernels.style()));
            case JvmDevice jvm -> new JvmAttend(jvm, this, jvm.threads(threads));
            default -> throw new IllegalArgumentException("no softmax attention on " + device.id());
        };
    }

    /** The key head that a head uses. */
    int keyHead(int head) {
        return headMap.head(head, sizes.heads(), sizes.keyHeads());
    }
}
