package dev.gust.cli;

import dev.gust.formats.tensor.DType;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/** A small text encoder of BERT's kind with a tokenizer of a few words, as a Hugging Face folder. */
final class SampleEncoder {
    static final int HIDDEN = 64;
    static final int INNER = 96;
    static final int POSITIONS = 12;

    /** Its own limits and padding are for other uses, and shall not count. */
    private static final String TOKENIZER = """
            {"version": "1.0",
             "truncation": {"direction": "Right", "max_length": 4, "strategy": "LongestFirst", "stride": 0},
             "padding": {"strategy": {"Fixed": 9}, "direction": "Right", "pad_to_multiple_of": null, "pad_id": 2,
               "pad_type_id": 0, "pad_token": "[UNK]"},
             "added_tokens": [], "normalizer": {"type": "Lowercase"}, "pre_tokenizer": {"type": "Whitespace"},
             "post_processor": {"type": "TemplateProcessing",
               "single": [{"SpecialToken": {"id": "[CLS]", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}},
                 {"SpecialToken": {"id": "[SEP]", "type_id": 0}}],
               "pair": [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 0}}],
               "special_tokens": {"[CLS]": {"id": "[CLS]", "ids": [0], "tokens": ["[CLS]"]},
                 "[SEP]": {"id": "[SEP]", "ids": [1], "tokens": ["[SEP]"]}}},
             "decoder": null,
             "model": {"type": "WordLevel", "unk_token": "[UNK]",
               "vocab": {"[CLS]": 0, "[SEP]": 1, "[UNK]": 2, "the": 3, "cat": 4, "sat": 5, "on": 6, "mat": 7, ".": 8}}}
            """;

    private SampleEncoder() {}

    static Path write(Path folder) throws IOException {
        var model = new SampleModel(9)
                .weight("embeddings.word_embeddings.weight", DType.F32, 9, HIDDEN)
                .weight("embeddings.position_embeddings.weight", DType.F32, POSITIONS, HIDDEN)
                .weight("embeddings.token_type_embeddings.weight", DType.F32, 2, HIDDEN);
        norm(model, "embeddings.LayerNorm");
        String layer = "encoder.layer.0.";
        for (String name : new String[] {"self.query", "self.key", "self.value", "output.dense"}) {
            linear(model, layer + "attention." + name, HIDDEN, HIDDEN);
        }
        norm(model, layer + "attention.output.LayerNorm");
        linear(model, layer + "intermediate.dense", INNER, HIDDEN);
        linear(model, layer + "output.dense", HIDDEN, INNER);
        norm(model, layer + "output.LayerNorm");
        model.folder(folder);
        Files.writeString(folder.resolve("config.json"), """
                {"model_type": "bert", "hidden_size": 64, "num_attention_heads": 4, "torch_dtype": "float32"}
                """);
        Files.writeString(folder.resolve("tokenizer.json"), TOKENIZER);
        return folder;
    }

    private static void linear(SampleModel model, String module, int out, int in) {
        model.weight(module + ".weight", DType.F32, out, in).weight(module + ".bias", DType.F32, out);
    }

    private static void norm(SampleModel model, String module) {
        model.weight(module + ".weight", DType.F32, HIDDEN).weight(module + ".bias", DType.F32, HIDDEN);
    }
}
