package dev.gust.quantization.pipeline;

import static org.assertj.core.api.Assertions.assertThat;

import dev.gust.formats.tensor.DType;
import dev.gust.formats.tensor.Shape;
import dev.gust.formats.weight.LogicalTensor;
import dev.gust.formats.weight.TensorEncoding;
import java.util.List;
import org.junit.jupiter.api.Test;

class FusedWeightsTest {
    private static LogicalTensor weight(String name) {
        return new LogicalTensor(name, Shape.of(2, 2), new TensorEncoding.Plain(DType.F32), List.of());
    }

    private static List<String> fusedWith(String name, String... all) {
        var fused = new FusedWeights(
                java.util.Arrays.stream(all).map(FusedWeightsTest::weight).toList());
        return fused.of(weight(name)).stream().map(LogicalTensor::name).toList();
    }

    @Test
    void siblingsOfOneLayerShare() {
        String[] names = {
            "l.0.q_proj.weight", "l.0.k_proj.weight", "l.0.v_proj.weight", "l.0.o_proj.weight", "l.1.q_proj.weight"
        };
        assertThat(fusedWith("l.0.k_proj.weight", names)).containsExactly(names[0], names[1], names[2]);
        assertThat(fusedWith("l.0.o_proj.weight", names)).containsExactly(names[3]);
        assertThat(fusedWith("l.1.q_proj.weight", names)).containsExactly(names[4]);
    }

    @Test
    void everyFamilyOfNames() {
        assertThat(fusedWith("a.query.weight", "a.query.weight", "a.key.weight", "a.value.weight"))
                .hasSize(3);
        assertThat(fusedWith("m.gate_proj.weight", "m.gate_proj.weight", "m.up_proj.weight", "m.down_proj.weight"))
                .hasSize(2);
        assertThat(fusedWith("e.7.w3.weight", "e.7.w1.weight", "e.7.w2.weight", "e.7.w3.weight", "e.8.w1.weight"))
                .containsExactly("e.7.w1.weight", "e.7.w3.weight");
        assertThat(fusedWith("blk.0.attn_v.weight", "blk.0.attn_q.weight", "blk.0.attn_v.weight"))
                .hasSize(2);
        assertThat(fusedWith("a.q_a_proj.weight", "a.q_a_proj.weight", "a.kv_a_proj_with_mqa.weight"))
                .hasSize(2);
        assertThat(fusedWith("q_proj", "q_proj", "k_proj")).containsExactly("q_proj", "k_proj");
    }

    @Test
    void strangersShareWithNobody() {
        assertThat(fusedWith("gone.q_proj.weight", "a.q_proj.weight")).containsExactly("gone.q_proj.weight");
        assertThat(fusedWith("a.my_q_proj.weight", "a.my_q_proj.weight", "a.k_proj.weight"))
                .hasSize(1);
        assertThat(fusedWith("", "", ".weight")).containsExactly("");
        assertThat(fusedWith("q_proj.bias", "q_proj.bias", "q_proj.weight")).hasSize(1);
    }
}
