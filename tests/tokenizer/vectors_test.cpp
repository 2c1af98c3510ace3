// Real and synthetic vocabularies with the ids and texts that the reference produces, and the word
// splits of every pre-tokeniser. Kept outside the repository.
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <set>

#include "base/error.h"
#include "base/json.h"
#include "gguf/reader.h"
#include "shared_files.h"
#include "tokenizer/pretokenizer.h"
#include "tokenizer/tokenizer.h"
#include "tokenizer/unicode.h"

namespace llm {
namespace {

constexpr const char* kRoom = "vectors/tokenizers";

std::filesystem::path folder() {
  return test::shared_dir() / kRoom;
}

Json read_json(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return Json::parse(file);
}

std::string bytes_of(const Json& value) {
  if (value.is_string()) return value.get<std::string>();
  std::string text;
  for (const Json& byte : value.is_array() ? value : value.at("bytes"))
    text += static_cast<char>(byte.get<int>());
  return text;
}

std::string text_of(const Json& c) {
  return bytes_of(c.contains("text") ? c["text"] : c);
}

std::string from_hex(const std::string& hex) {
  std::string text;
  for (std::size_t i = 0; i + 1 < hex.size(); i += 2)
    text += static_cast<char>(std::stoi(hex.substr(i, 2), nullptr, 16));
  return text;
}

void expect_special_ids(const Tokenizer& t, const Json& info) {
  const SpecialTokens& s = t.special();
  EXPECT_EQ(t.size(), info["n_tokens"].get<int>());
  const std::pair<const char*, int> ids[] = {
      {"bos", s.bos},         {"eos", s.eos},         {"eot", s.eot},
      {"sep", s.sep},         {"nl", s.newline},      {"pad", s.pad},
      {"mask", s.mask},       {"add_bos", s.add_bos}, {"add_eos", s.add_eos},
      {"add_sep", s.add_sep}, {"fim_pre", s.fim_pre}, {"fim_suf", s.fim_suf},
      {"fim_mid", s.fim_mid}, {"fim_pad", s.fim_pad}, {"fim_rep", s.fim_rep},
      {"fim_sep", s.fim_sep}};
  for (const auto& [name, id] : ids) EXPECT_EQ(id, info.at(name).get<int>()) << name;
}

void expect_attributes(const Tokenizer& t, const Json& attributes) {
  constexpr int kNormal = 4, kByte = 32;
  for (TokenId token = 0; token < t.size(); ++token) {
    const auto found = attributes.find(std::to_string(token));
    if (found != attributes.end()) {
      EXPECT_EQ(t.attributes(token), found->get<int>()) << t.text(token);
    } else {
      EXPECT_TRUE(t.attributes(token) == kNormal || t.attributes(token) == kByte)
          << t.text(token) << " has " << t.attributes(token);
    }
  }
}

void expect_case(const Tokenizer& t, const Json& c) {
  SCOPED_TRACE("case " + c["i"].dump() + " (" + c["cat"].get<std::string>() + ")");
  const std::string text = text_of(c);
  std::vector<TokenId> all;
  for (const bool add : {false, true}) {
    for (const bool parse : {false, true}) {
      std::vector<TokenId> ids = t.encode(text, {.add_special = add, .parse_special = parse});
      const std::string key = fmt::format("add{:d}_parse{:d}", add, parse);
      if (c.contains("ids") && c["ids"].contains(key) && c["ids"][key].is_array()) {
        EXPECT_EQ(ids, c["ids"][key].get<std::vector<TokenId>>()) << key;
      }
      if (add && parse) all = std::move(ids);
    }
  }
  if (!c.contains("detok")) return;
  for (const bool strip : {false, true})
    for (const bool show : {false, true}) {
      const std::string key = std::string(strip ? "strip" : "keep") + (show ? "_show" : "_hide");
      if (!c["detok"].contains(key)) continue;
      EXPECT_EQ(t.decode(all, {.remove_special = strip, .unparse_special = show}),
                bytes_of(c["detok"][key]))
          << key;
    }
}

class Vectors : public testing::TestWithParam<const char*> {};

void check_vocabulary(const std::filesystem::path& gguf, const Json& expected) {
  const auto file = gguf::File::open(gguf, {.with_data = false});
  const auto tokenizer = Tokenizer::load(file.metadata());
  expect_special_ids(*tokenizer, expected["info"]);
  const auto ends = tokenizer->end_of_generation_tokens();
  auto expected_ends = expected["eog"].get<std::vector<TokenId>>();
  std::sort(expected_ends.begin(), expected_ends.end());
  EXPECT_EQ(std::vector<TokenId>(ends.begin(), ends.end()), expected_ends);
  expect_attributes(*tokenizer, expected["attr"]);
  for (const Json& c : expected["cases"]) expect_case(*tokenizer, c);
  if (!expected.contains("pieces_hex")) return;
  for (TokenId token = 0; token < tokenizer->size(); ++token)
    EXPECT_EQ(tokenizer->piece(token, true),
              from_hex(expected["pieces_hex"][token].get<std::string>()))
        << token;
}

TEST_P(Vectors, RealVocabularyGivesTheReferencesIdsAndTexts) {
  LLM_NEED_SHARED("vectors/tokenizers/edge");
  const std::string name = GetParam();
  check_vocabulary(folder() / ("ggml-vocab-" + name + ".gguf"),
                   read_json(folder() / "edge" / (name + ".json")));
}

TEST_P(Vectors, RealVocabularyPassesItsFixture) {
  LLM_NEED_SHARED("vectors/tokenizers/edge");
  const std::string name = std::string("ggml-vocab-") + GetParam() + ".gguf";
  const auto tokenizer =
      Tokenizer::load(gguf::File::open(folder() / name, {.with_data = false}).metadata());
  const std::string inputs = test::read_text_file(folder() / (name + ".inp"));
  std::ifstream outputs(folder() / (name + ".out"), std::ios::binary);
  constexpr std::string_view kSeparator = "\n__ggml_vocab_test__\n";
  int count = 0;
  for (std::size_t at = 0; at < inputs.size(); ++count) {
    const std::size_t end = std::min(inputs.find(kSeparator, at), inputs.size());
    std::string line;
    std::getline(outputs, line);
    std::vector<TokenId> expected;
    std::istringstream numbers(line);
    for (TokenId id; numbers >> id;) expected.push_back(id);
    EXPECT_EQ(tokenizer->encode(inputs.substr(at, end - at), {}), expected) << count;
    at = end + kSeparator.size();
  }
  EXPECT_GE(count, 46);
}

TEST_P(Vectors, RealVocabularyHasTheReferencesPieces) {
  LLM_NEED_SHARED("vectors/tokenizers/pieces");
  const std::string name = GetParam();
  const auto tokenizer = Tokenizer::load(
      gguf::File::open(folder() / ("ggml-vocab-" + name + ".gguf"), {.with_data = false})
          .metadata());
  std::ifstream lines(folder() / "pieces" / (name + ".txt"));
  std::string line;
  for (TokenId token = 0; token < tokenizer->size(); ++token) {
    ASSERT_TRUE(std::getline(lines, line));
    EXPECT_EQ(tokenizer->piece(token, true), from_hex(line)) << token;
  }
}

INSTANTIATE_TEST_SUITE_P(Real, Vectors,
                         testing::Values("llama-spm", "phi-3", "gpt-2", "falcon", "deepseek-coder",
                                         "bert-bge"));

TEST(SyntheticVectors, EveryVocabularyGivesTheReferencesIdsAndTexts) {
  LLM_NEED_SHARED("vectors/tokenizers/synthetic");
  int count = 0;
  for (const auto& entry : std::filesystem::directory_iterator(folder() / "synthetic")) {
    if (entry.path().extension() != ".gguf") continue;
    SCOPED_TRACE(entry.path().filename().string());
    auto json = entry.path();
    check_vocabulary(entry.path(), read_json(json.replace_extension(".json")));
    ++count;
  }
  EXPECT_GE(count, 17);
}

/// The end of each word in code points, without empty words.
std::vector<std::size_t> word_ends(const PreTokenizer& pre, const std::string& text) {
  split::Cuts cuts;
  pre.split(text, cuts);
  std::vector<std::size_t> ends;
  std::size_t points = 0, at = 0;
  for (const std::uint32_t cut : cuts) {
    for (; at < cut; at += unicode::decode(text, at).length) ++points;
    if (ends.empty() || ends.back() != points) ends.push_back(points);
  }
  return ends;
}

TEST(PreTokenizerVectors, EveryNameCutsLikeTheReference) {
  LLM_NEED_SHARED("vectors/tokenizers/pretok.json");
  const Json vectors = read_json(folder() / "pretok.json");
  std::set<std::string> names;
  for (const Json& group : vectors["groups"]) {
    for (const Json& json_name : group["pre"]) {
      const auto name = json_name.get<std::string>();
      names.insert(name);
      SCOPED_TRACE(name);
      const PreTokenizer* pre = PreTokenizer::find(name);
      ASSERT_NE(pre, nullptr);
      EXPECT_EQ(pre->byte_encode, group["byte_encode"].get<bool>());
      for (std::size_t k = 0; k < vectors["strings"].size(); ++k) {
        if (group["lengths"][k].is_null()) continue;
        std::vector<std::size_t> expected;
        std::size_t sum = 0;
        for (const Json& length : group["lengths"][k])
          if (length.get<std::size_t>() > 0) expected.push_back(sum += length.get<std::size_t>());
        const std::string text = unicode::canonical(bytes_of(vectors["strings"][k]));
        EXPECT_EQ(word_ends(*pre, text), expected) << "string " << k << ": " << text;
      }
    }
  }
  for (const PreTokenizer& row : PreTokenizer::all())
    for (const std::string_view name : row.names)
      EXPECT_TRUE(names.contains(std::string(name))) << name << " is not in the vectors";
}

}  // namespace
}  // namespace llm
