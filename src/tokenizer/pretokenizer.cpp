#include "tokenizer/pretokenizer.h"

#include <algorithm>

namespace llm {
namespace {

using namespace split;
using Names = std::vector<std::string_view>;
using Rules = std::vector<Rule>;

/// One row per behaviour. The comments above give the expressions of the rules that are new in it.
std::vector<PreTokenizer> make_rows() {
  std::vector<PreTokenizer> rows;
  const auto add = [&](Names names, Rules rules) -> PreTokenizer& {
    PreTokenizer& row = rows.emplace_back();
    row.names = std::move(names);
    row.rules = std::move(rules);
    return row;
  };
  const auto add_unclean = [&](Names names, Rules rules) -> PreTokenizer& {
    PreTokenizer& row = add(std::move(names), std::move(rules));
    row.clean_spaces = false;
    return row;
  };

  add({"mpt", "gpt-2", "phi-2", "jina-es", "jina-de", "gigachat", "jina-v2-es", "jina-v2-de",
       "a.x-4.0", "mellum", "modern-bert", "olmo", "jais", "exaone4"},
      {gpt2_words});
  add({"jina-v1-en", "jina-v2-code", "roberta-bpe"}, {gpt2_words}).add_sep = true;
  add_unclean({"trillion", "granite-docling"}, {gpt2_words});

  PreTokenizer& llama3 = add({"llama3", "llama-v3", "llama-bpe", "falcon3", "falcon-h1", "pixtral",
                              "midm-2.0", "lfm2", "jina-v5-nano"},
                             {llama3_words});
  llama3.ignore_merges = llama3.add_bos = true;
  add({"dbrx", "smaug-bpe"}, {llama3_words});
  add({"glm4", "chatglm-bpe"}, {llama3_words}).default_bos = false;

  add_unclean({"qwen2", "deepseek-r1-qwen", "kormo", "f2llmv2", "hunyuan", "grok-2", "solar-open"},
              {qwen2_words});
  add({"stablelm2", "megrez"}, {qwen2_words});
  add_unclean({"qwen35"}, {qwen35_words});

  add({"starcoder", "refact", "codeshell", "exaone", "minerva-7b", "mellum2"},
      {single_number, gpt2_words});
  add_unclean({"command-r", "smollm"}, {single_number, gpt2_words});
  add({"default"}, {default_punctuation, gpt2_words, numbers, three_ascii_digits});
  add({"falcon"}, {falcon_punctuation, gpt2_words, three_ascii_digits});

  add_unclean({"deepseek-coder"},
              {single_newline, spaced_letters, spaced_punctuation, cjk_wide, single_number});
  add_unclean({"deepseek-llm"}, {single_newline, spaced_alphabetic, spaced_listed_punctuation,
                                 trailing_space, cjk_wide, numbers});
  add_unclean({"deepseek-v3", "hunyuan-dense", "joyai-llm"},
              {numbers_up_to_three, cjk_kana, deepseek_v3_words});

  PreTokenizer& tekken = add_unclean({"tekken"}, {tekken_words});
  tekken.ignore_merges = tekken.add_bos = true;
  add_unclean({"gpt-4o", "llama4", "kanana2", "talkie", "minimax-m2"}, {gpt4o_words});
  add_unclean({"granite-embed-multi-97m"}, {granite_words}).ignore_merges = true;
  add_unclean({"youtu"}, {youtu_scripts, uncased_words}).ignore_merges = true;
  add_unclean({"tiny_aya", "cohere2moe"}, {digit_groups_from_end, uncased_words_digits3});
  add_unclean({"afmoe"}, {digit_groups_from_end, afmoe_scripts, deepseek_v3_words});
  add_unclean({"kimi-k2"}, {kimi_words}).needs_merges = false;
  add({"jais-2"}, {jais2_words});
  add({"minicpm5"}, {numbers_up_to_three, long_number_words}).ignore_merges = true;
  add_unclean({"bailingmoe", "bailingmoe2", "llada-moe"}, {qwen2_words});
  add_unclean({"seed-coder"}, {seed_coder_words});
  add({"exaone-moe"}, {exaone_moe_words});
  add_unclean({"laguna"}, {lines, qwen2_words});
  add_unclean({"superbpe"}, {numbers, cut_ascii_digits_by_three});

  add_unclean({"poro-chat"}, {bloom_words});
  add({"bloom", "gpt3-finnish"}, {bloom_words});
  add_unclean({"viking"}, {bloom_words, single_number});
  add_unclean({"chameleon"}, {chameleon_sentinel, chameleon_image, chameleon_blanks, single_number,
                              single_punctuation, gpt2_words})
      .add_bos = true;

  PreTokenizer& gemma4 = add({"gemma4", "granite-embed-multi-311m"}, {lines});
  gemma4.byte_encode = false;
  gemma4.escape_spaces = gemma4.newline_words = gemma4.add_bos = gemma4.force_bos = true;
  PreTokenizer& sarvam = add_unclean({"sarvam-moe"}, {lines});
  sarvam.byte_encode = false;
  sarvam.escape_spaces = true;
  add({"whitespace"}, {non_space}).byte_encode = false;
  return rows;
}

const std::vector<PreTokenizer>& rows() {
  static const std::vector<PreTokenizer> made = make_rows();
  return made;
}

}  // namespace

std::span<const PreTokenizer> PreTokenizer::all() {
  return rows();
}

const PreTokenizer* PreTokenizer::find(std::string_view name) {
  for (const PreTokenizer& row : rows())
    if (std::find(row.names.begin(), row.names.end(), name) != row.names.end()) return &row;
  return nullptr;
}

void PreTokenizer::split(std::string_view text, Cuts& cuts) const {
  cuts.clear();
  if (text.empty()) return;
  rules.front()(Segment(text, 0, text.size()), cuts);
  Cuts before;
  for (std::size_t i = 1; i < rules.size(); ++i) {
    before.swap(cuts);
    cuts.clear();
    std::uint32_t begin = 0;
    for (const std::uint32_t end : before) {
      rules[i](Segment(text, begin, end), cuts);
      begin = end;
    }
  }
}

}  // namespace llm
