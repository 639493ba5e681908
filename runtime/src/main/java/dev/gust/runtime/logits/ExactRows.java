package dev.gust.runtime.logits;

import dev.gust.formats.codec.Codecs;
import dev.gust.formats.codec.TensorCodec;
import dev.gust.formats.tensor.DType;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorSpecies;

/** Exact logits of single tokens on the jvm device: rows are gathered where they lie. */
final class ExactRows {
    private static final VectorSpecies<Float> F = FloatVector.SPECIES_PREFERRED;
    private static final ValueLayout.OfFloat F32 = ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

    private final VqHead head;
    private final TensorCodec codec;

    ExactRows(VqHead head) {
        this.head = head;
        this.codec = Codecs.of(head.type()).orElseThrow();
    }

    /** Room for a row that has to be decoded; one for each thread. */
    float[] scratch() {
        return new float[head.type() == DType.F32 ? 0 : head.d()];
    }

    /** The logit of a token, with its bias. */
    float logit(int id, float[] h, float[] scratch) {
        float sum;
        if (head.type() == DType.F32) {
            sum = product(head.weight(), id * head.rowBytes(), h, head.d());
        } else {
            MemorySegment row = MemorySegment.ofArray(scratch);
            codec.decode(head.weight(), id * head.rowBytes(), row, 0, head.d());
            sum = product(row, 0, h, head.d());
        }
        return sum + bias(id);
    }

    /** The bias of a token; 0 without one. */
    float bias(int id) {
        return head.bias().isPresent() ? head.bias().get().get(F32, 4L * id) : 0;
    }

    private static float product(MemorySegment w, long at, float[] h, int d) {
        FloatVector a = FloatVector.zero(F);
        FloatVector b = a;
        int i = 0;
        for (; i + 2 * F.length() <= d; i += 2 * F.length()) {
            a = FloatVector.fromMemorySegment(F, w, at + 4L * i, ByteOrder.LITTLE_ENDIAN)
                    .fma(FloatVector.fromArray(F, h, i), a);
            b = FloatVector.fromMemorySegment(F, w, at + 4L * (i + F.length()), ByteOrder.LITTLE_ENDIAN)
                    .fma(FloatVector.fromArray(F, h, i + F.length()), b);
        }
        float sum = a.add(b).reduceLanes(VectorOperators.ADD);
        for (; i < d; i++) {
            sum += w.get(F32, at + 4L * i) * h[i];
        }
        return sum;
    }
}
