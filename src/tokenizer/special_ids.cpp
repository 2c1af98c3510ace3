// What tokens are for, found by their texts. The lists are facts of the reference, in its order of
// preference; the order of the steps matters, because earlier ones change attributes.
#include <algorithm>
#include <cctype>
#include <set>
#include <string_view>

#include "tokenizer/vocabulary.h"

namespace llm {
namespace {

struct Role {
  TokenId SpecialTokens::*id;
  std::vector<std::string_view> texts;
};

const std::vector<Role>& roles() {
  static const std::vector<Role> kRoles = {
      {&SpecialTokens::eot,
       {"<|eot_id|>", "<|im_end|>", "<|end|>", "<end_of_turn>", "<|endoftext|>", "<|end_of_text|>",
        "<EOT>", "_<EOT>", "[EOT]", "<｜end▁of▁sentence｜>", "<end_of_utterance>"}},
      {&SpecialTokens::eom, {"<|eom_id|>"}},
      {&SpecialTokens::fim_pre,
       {"<|fim_prefix|>", "<fim-prefix>", "<fim_prefix>", "<｜fim▁begin｜>", "<PRE>", "▁<PRE>",
        "<|code_prefix|>", "<|prefix|>"}},
      {&SpecialTokens::fim_suf,
       {"<|fim_suffix|>", "<fim-suffix>", "<fim_suffix>", "<｜fim▁hole｜>", "<SUF>", "▁<SUF>",
        "<|code_suffix|>", "<|suffix|>"}},
      {&SpecialTokens::fim_mid,
       {"<|fim_middle|>", "<fim-middle>", "<fim_middle>", "<｜fim▁end｜>", "<MID>", "▁<MID>",
        "<|code_middle|>", "<|middle|>"}},
      {&SpecialTokens::fim_pad, {"<|fim_pad|>", "<fim-pad>", "<fim_pad>", "<PAD>", "[PAD]"}},
      {&SpecialTokens::fim_rep,
       {"<|fim_repo|>", "<|repo_name|>", "<fim-repo>", "<REPO>", "<reponame>"}},
      {&SpecialTokens::fim_sep, {"<|file_sep|>"}},
  };
  return kRoles;
}

constexpr std::string_view kEndTexts[] = {"<|eot_id|>",
                                          "<|im_end|>",
                                          "<|end|>",
                                          "<|return|>",
                                          "<|call|>",
                                          "<|flush|>",
                                          "<|calls|>",
                                          "<end_of_turn>",
                                          "<|endoftext|>",
                                          "</s>",
                                          "<|eom_id|>",
                                          "<EOT>",
                                          "_<EOT>",
                                          "[EOT]",
                                          "[EOS]",
                                          "<|end_of_text|>",
                                          "<end_of_utterance>",
                                          "<eos>",
                                          "<turn|>",
                                          "<|tool_response>",
                                          "<｜end▁of▁sentence｜>",
                                          "[e~["};

constexpr std::string_view kHarmonyTexts[] = {"<|channel|>", "<|message|>", "<|start|>",
                                              "<|constrain|>"};

void find_roles(Vocabulary& v) {
  for (const Role& role : roles()) {
    for (const std::string_view text : role.texts) {
      if (v.special.*role.id != kNoToken) break;
      const TokenId token = v.find(text);
      if (token == kNoToken) continue;
      v.special.*role.id = token;
      v.attributes[token] |= kControl;
    }
  }
}

void mark_unused(Vocabulary& v) {
  for (TokenId token = 0; token < v.size(); ++token)
    if (v.has(token, kControl) && v.texts[token].find("unused") != std::string::npos)
      v.attributes[token] |= kUnused;
}

void set_if_present(Vocabulary& v, std::string_view text, std::uint16_t attributes) {
  if (const TokenId token = v.find(text); token != kNoToken) v.attributes[token] = attributes;
}

std::set<TokenId> find_ends(Vocabulary& v) {
  std::set<TokenId> ends;
  const SpecialTokens& s = v.special;
  for (const TokenId token : {s.fim_pad, s.fim_rep, s.fim_sep})
    if (token != kNoToken) ends.insert(token);
  for (const std::string_view text : kEndTexts) {
    const TokenId token = v.find(text);
    if (token == kNoToken) continue;
    ends.insert(token);
    v.attributes[token] |= kControl;
  }
  for (const std::string_view text : kHarmonyTexts) set_if_present(v, text, kUserDefined);
  for (const TokenId token : {s.eos, s.eot, s.eom})
    if (token != kNoToken) ends.insert(token);
  return ends;
}

/// Some formats end turns with a call, and use what would end a generation elsewhere inside a turn.
void drop_inner_ends(Vocabulary& v, std::set<TokenId>& ends) {
  const auto has = [&](std::string_view text) { return ends.contains(v.find(text)); };
  if (has("<|end|>") && (has("<|call|>") || has("<|calls|>")) &&
      (has("<|return|>") || has("<|flush|>"))) {
    ends.erase(v.find("<|end|>"));
    set_if_present(v, "<|end|>", kUserDefined);
  }
  if (has("<|tool_response>") && has("</s>")) {
    ends.erase(v.find("</s>"));
    set_if_present(v, "</s>", kNormal);
  }
}

}  // namespace

void find_special_ids(Vocabulary& vocabulary) {
  find_roles(vocabulary);
  mark_unused(vocabulary);
  std::set<TokenId> ends = find_ends(vocabulary);
  drop_inner_ends(vocabulary, ends);
  vocabulary.end_of_generation.assign(ends.begin(), ends.end());
}

void adjust_strip_attributes(Vocabulary& vocabulary, const std::vector<TokenId>& special,
                             const gguf::Metadata& metadata) {
  const auto text_of = [&](const char* key) { return metadata.get_or<std::string>(key, ""); };
  const auto contains_any = [](const std::string& text, std::vector<std::string_view> parts) {
    return std::any_of(parts.begin(), parts.end(),
                       [&](std::string_view part) { return text.find(part) != std::string::npos; });
  };
  const auto add = [&](std::string_view text, std::uint16_t attribute) {
    if (const TokenId token = vocabulary.find(text); token != kNoToken)
      vocabulary.attributes[token] |= attribute;
  };
  std::string name = text_of("general.name");
  std::transform(name.begin(), name.end(), name.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });

  if (contains_any(text_of("tokenizer.ggml.pre"), {"jina-v2-de", "jina-v2-es", "jina-v2-code"}) ||
      contains_any(text_of("general.architecture"), {"nomic-bert-moe", "jina-bert-v3"})) {
    add("<mask>", kLeftStrip);
  } else if (contains_any(name, {"phi-3", "phi3"})) {
    for (const TokenId token : special) vocabulary.attributes[token] |= kRightStrip;
    add("</s>", kRightStrip);
    for (const std::string_view text : {"<unk>", "<s>", "<|endoftext|>"})
      if (const TokenId token = vocabulary.find(text); token != kNoToken)
        vocabulary.attributes[token] &= static_cast<std::uint16_t>(~kRightStrip);
  } else if (contains_any(name, {"modern-bert"})) {
    add("[MASK]", kLeftStrip);
  }
}

}  // namespace llm
