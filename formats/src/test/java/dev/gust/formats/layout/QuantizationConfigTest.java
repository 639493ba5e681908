package dev.gust.formats.layout;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.gust.formats.scheme.Scheme;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class QuantizationConfigTest {
    private static final ObjectMapper JSON = new ObjectMapper();
    private static final String DYNAMIC_TOKEN =
            "{'num_bits':8,'type':'%s','strategy':'token','symmetric':true,'dynamic':true}";

    private static JsonNode json(String text) {
        try {
            return JSON.readTree(text.replace('\'', '"'));
        } catch (JsonProcessingException e) {
            throw new AssertionError(e);
        }
    }

    /** A compressed-tensors document with the two arguments that differ between schemes. */
    private static JsonNode document(String method, String format, String weights, String activations) {
        return json("{'quant_method':'" + method + "','format':'" + format
                + "','quantization_status':'compressed','global_compression_ratio':null,'kv_cache_scheme':null,"
                + "'ignore':['lm_head','a.b'],'config_groups':{'group_0':{'targets':['Linear'],'weights':" + weights
                + ",'input_activations':" + activations + ",'output_activations':null,'format':'" + format + "'}}}");
    }

    private static String weights(String fields) {
        return "{" + fields + ",'symmetric':true,'dynamic':false}";
    }

    private static JsonNode expected(Scheme scheme) {
        String float8 = DYNAMIC_TOKEN.formatted("float");
        return switch (scheme) {
            case FP8 ->
                document(
                        "compressed-tensors",
                        "float-quantized",
                        weights("'num_bits':8,'type':'float','strategy':'channel'"),
                        float8);
            case FP8_TENSOR ->
                document(
                        "compressed-tensors",
                        "float-quantized",
                        weights("'num_bits':8,'type':'float','strategy':'tensor'"),
                        float8);
            case FP8_BLOCK ->
                document(
                        "compressed-tensors",
                        "float-quantized",
                        weights("'num_bits':8,'type':'float','strategy':'block','block_structure':[128,128]"),
                        "{'num_bits':8,'type':'float','strategy':'group','group_size':128,'symmetric':true,'dynamic':true}");
            case FP8_E5M2 ->
                document(
                        "gust", "float-quantized", weights("'num_bits':8,'type':'float','strategy':'channel'"), "null");
            case MXFP8 ->
                document(
                        "compressed-tensors",
                        "mxfp8-quantized",
                        weights(
                                "'num_bits':8,'type':'float','strategy':'group','group_size':32,'scale_dtype':'torch.uint8'"),
                        "null");
            case MXFP6_E2M3 ->
                document(
                        "gust",
                        "mxfp6-e2m3-pack-quantized",
                        weights(
                                "'num_bits':6,'type':'float','strategy':'group','group_size':32,'scale_dtype':'torch.uint8'"),
                        "null");
            case MXFP6_E3M2 ->
                document(
                        "gust",
                        "mxfp6-e3m2-pack-quantized",
                        weights(
                                "'num_bits':6,'type':'float','strategy':'group','group_size':32,'scale_dtype':'torch.uint8'"),
                        "null");
            case MXFP4 ->
                document(
                        "compressed-tensors",
                        "mxfp4-pack-quantized",
                        weights(
                                "'num_bits':4,'type':'float','strategy':'group','group_size':32,'scale_dtype':'torch.uint8'"),
                        "null");
            case NVFP4 ->
                document(
                        "compressed-tensors",
                        "nvfp4-pack-quantized",
                        weights("'num_bits':4,'type':'float','strategy':'tensor_group','group_size':16,"
                                + "'scale_dtype':'torch.float8_e4m3fn'"),
                        "null");
            case INT8 ->
                document(
                        "compressed-tensors",
                        "int-quantized",
                        weights("'num_bits':8,'type':'int','strategy':'channel'"),
                        DYNAMIC_TOKEN.formatted("int"));
            case INT4 ->
                document(
                        "compressed-tensors",
                        "pack-quantized",
                        weights("'num_bits':4,'type':'int','strategy':'group','group_size':128"),
                        "null");
        };
    }

    @Test
    void compressedTensors() {
        for (Scheme scheme : Scheme.values()) {
            JsonNode config = QuantizationConfig.of(scheme, Layout.COMPRESSED_TENSORS, List.of("lm_head", "a.b"));
            assertThat(json(config.toString())).as(scheme.label()).isEqualTo(expected(scheme));
        }
    }

    @ParameterizedTest
    @CsvSource({"NVFP4, W4A16_NVFP4, 16", "FP8, FP8_PER_CHANNEL_PER_TOKEN, 0", "FP8_TENSOR, FP8, 0", "MXFP8, MXFP8, 32"
    })
    void modelOpt(Scheme scheme, String algorithm, int group) {
        String size = group == 0 ? "" : "'group_size':" + group + ",";
        assertThat(json(QuantizationConfig.of(scheme, Layout.MODELOPT, List.of("lm_head"))
                        .toString()))
                .isEqualTo(json("{'quant_method':'modelopt','quant_algo':'" + algorithm + "'," + size
                        + "'ignore':['lm_head']}"));
        assertThat(json(QuantizationConfig.modelOptFile(scheme, List.of("lm_head"))
                                .toString())
                        .path("quantization"))
                .isEqualTo(json("{'quant_algo':'" + algorithm + "','kv_cache_quant_algo':null," + size
                        + "'exclude_modules':['lm_head']}"));
    }

    @Test
    void gptOss() {
        assertThat(json(QuantizationConfig.of(Scheme.MXFP4, Layout.GPT_OSS, List.of("lm_head"))
                        .toString()))
                .isEqualTo(json("{'quant_method':'mxfp4','modules_to_not_convert':['lm_head']}"));
    }

    @Test
    void whatALayoutLacksHasNoConfiguration() {
        assertThatThrownBy(() -> QuantizationConfig.of(Scheme.INT4, Layout.MODELOPT, List.of()))
                .isInstanceOf(IllegalArgumentException.class);
        assertThatThrownBy(() -> QuantizationConfig.of(Scheme.FP8_BLOCK, Layout.DEEPSEEK, List.of()))
                .isInstanceOf(IllegalArgumentException.class);
    }

    @Test
    void eachConfigurationDescribesItsOwnSchemeOnly() {
        for (Scheme written : Scheme.values()) {
            for (Layout layout : Layout.values()) {
                if (!layout.stores(written) || layout == Layout.DEEPSEEK) {
                    continue;
                }
                JsonNode config = QuantizationConfig.of(written, layout, List.of());
                // Where ModelOpt has the same names, its weights are recognised as compressed-tensors'.
                boolean alike = layout == Layout.MODELOPT && written != Scheme.NVFP4;
                Layout found = alike ? Layout.COMPRESSED_TENSORS : layout;
                assertThat(QuantizationConfig.contradiction(config, written, found))
                        .isEmpty();
                for (Scheme other : Scheme.values()) {
                    if (other != written && layout == Layout.COMPRESSED_TENSORS) {
                        assertThat(QuantizationConfig.contradiction(config, other, layout))
                                .as("%s for %s", written, other)
                                .isPresent();
                    }
                }
            }
        }
    }

    @Test
    void onlyFp6NeedsToBeDeclared() {
        for (Scheme scheme : Scheme.values()) {
            ObjectNode config = JSON.createObjectNode();
            config.set("quantization_config", QuantizationConfig.of(scheme, Layout.COMPRESSED_TENSORS, List.of()));
            boolean fp6 = scheme == Scheme.MXFP6_E2M3 || scheme == Scheme.MXFP6_E3M2;
            assertThat(QuantizationConfig.declaredScheme(config)
                            .filter(scheme::equals)
                            .isPresent())
                    .isEqualTo(fp6);
        }
        assertThat(QuantizationConfig.declaredScheme(JSON.createObjectNode())).isEmpty();
        ObjectNode factors = JSON.createObjectNode();
        factors.set("quantization_config", LowRankConfig.quantizationConfig());
        factors.putObject(LowRankConfig.KEY).putNull("factor_scheme").put("residual_scheme", "mxfp6-e3m2");
        assertThat(QuantizationConfig.declaredScheme(factors)).contains(Scheme.MXFP6_E3M2);
        factors.putObject(LowRankConfig.KEY).put("factor_scheme", "mxfp6-e2m3").put("residual_scheme", "mxfp6-e3m2");
        assertThat(QuantizationConfig.declaredScheme(factors)).isEmpty();
    }
}
