// \p{...}: PCRE2 knows the properties, and is asked for each character once per property.
#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include <algorithm>
#include <array>
#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "base/utf8.h"
#include "grammar/regex/regex_syntax.h"

namespace llm::grammar {
namespace {

struct LongName {
  std::string_view name, category;
};
/// The names of general categories that PCRE2 knows by their short ones only.
constexpr std::array<LongName, 39> kCategories = {{{"Letter", "L"},
                                                   {"Cased_Letter", "L&"},
                                                   {"LC", "L&"},
                                                   {"Uppercase_Letter", "Lu"},
                                                   {"Lowercase_Letter", "Ll"},
                                                   {"Titlecase_Letter", "Lt"},
                                                   {"Modifier_Letter", "Lm"},
                                                   {"Other_Letter", "Lo"},
                                                   {"Mark", "M"},
                                                   {"Combining_Mark", "M"},
                                                   {"Nonspacing_Mark", "Mn"},
                                                   {"Spacing_Mark", "Mc"},
                                                   {"Enclosing_Mark", "Me"},
                                                   {"Number", "N"},
                                                   {"Decimal_Number", "Nd"},
                                                   {"digit", "Nd"},
                                                   {"Letter_Number", "Nl"},
                                                   {"Other_Number", "No"},
                                                   {"Punctuation", "P"},
                                                   {"punct", "P"},
                                                   {"Connector_Punctuation", "Pc"},
                                                   {"Dash_Punctuation", "Pd"},
                                                   {"Open_Punctuation", "Ps"},
                                                   {"Close_Punctuation", "Pe"},
                                                   {"Initial_Punctuation", "Pi"},
                                                   {"Final_Punctuation", "Pf"},
                                                   {"Other_Punctuation", "Po"},
                                                   {"Symbol", "S"},
                                                   {"Math_Symbol", "Sm"},
                                                   {"Currency_Symbol", "Sc"},
                                                   {"Modifier_Symbol", "Sk"},
                                                   {"Other_Symbol", "So"},
                                                   {"Separator", "Z"},
                                                   {"Space_Separator", "Zs"},
                                                   {"Line_Separator", "Zl"},
                                                   {"Paragraph_Separator", "Zp"},
                                                   {"Other", "C"},
                                                   {"Control", "Cc"},
                                                   {"Format", "Cf"}}};

std::string pcre_name(std::string_view name) {
  for (const std::string_view prefix : {"General_Category=", "gc="}) {
    if (name.rfind(prefix, 0) == 0) name.remove_prefix(prefix.size());
  }
  for (const LongName& entry : kCategories) {
    if (entry.name == name) return std::string(entry.category);
  }
  const struct {
    std::string_view prefix, pcre;
  } kinds[] = {
      {"Script=", "sc:"}, {"sc=", "sc:"}, {"Script_Extensions=", "scx:"}, {"scx=", "scx:"}};
  for (const auto& kind : kinds) {
    if (name.rfind(kind.prefix, 0) == 0) {
      return std::string(kind.pcre) + std::string(name.substr(kind.prefix.size()));
    }
  }
  return std::string(name);
}

/// All characters in order, once as text.
const std::string& every_character() {
  static const std::string text = [] {
    std::string out;
    for (const CodeRange& range : all_characters()) {
      for (char32_t c = range.first; c <= range.last; ++c) utf8::append(out, c);
    }
    return out;
  }();
  return text;
}

/// Throws where PCRE2 does not know the name.
CodeRanges matches_of(const std::string& name) {
  const std::string pattern = "\\p{" + name + "}+";
  int error = 0;
  PCRE2_SIZE offset = 0;
  const std::unique_ptr<pcre2_code, decltype(&pcre2_code_free)> code(
      pcre2_compile(reinterpret_cast<PCRE2_SPTR>(pattern.data()), pattern.size(), PCRE2_UTF, &error,
                    &offset, nullptr),
      &pcre2_code_free);
  if (!code) throw GrammarError("unknown property '" + name + "'");
  const std::unique_ptr<pcre2_match_data, decltype(&pcre2_match_data_free)> match(
      pcre2_match_data_create_from_pattern(code.get(), nullptr), &pcre2_match_data_free);
  const std::string& text = every_character();
  const auto* subject = reinterpret_cast<PCRE2_SPTR>(text.data());
  CodeRanges out;
  std::size_t at = 0;
  while (at < text.size() && pcre2_match(code.get(), subject, text.size(), at, PCRE2_NO_UTF_CHECK,
                                         match.get(), nullptr) > 0) {
    const PCRE2_SIZE* bounds = pcre2_get_ovector_pointer(match.get());
    std::size_t last = bounds[1] - 1;
    while ((static_cast<unsigned char>(text[last]) & 0xC0) == 0x80) --last;
    out.push_back({utf8::decode(text, bounds[0]).code_point, utf8::decode(text, last).code_point});
    at = bounds[1];
  }
  // A run may cross the surrogates, which the text does not have.
  return intersection(normalized(std::move(out)), all_characters());
}

}  // namespace

CodeRanges property_characters(std::string_view name) {
  if (name == "Any" || name == "Assigned") {
    return name == "Any" ? all_characters() : complement(property_characters("Cn"));
  }
  if (name == "ASCII") return {{0, 0x7F}};
  const bool is_name = std::all_of(name.begin(), name.end(), [](unsigned char c) {
    return c < 0x80 && (std::isalnum(c) || c == '_' || c == '=' || c == '&');
  });
  constexpr std::size_t kMaxName = 64;
  if (!is_name || name.empty() || name.size() > kMaxName) {
    throw GrammarError("unknown property");
  }
  static std::mutex mutex;
  static std::map<std::string, CodeRanges> known;  // bounded: only names that exist get in
  const std::string pcre = pcre_name(name);
  const std::lock_guard lock(mutex);
  const auto found = known.find(pcre);
  return found != known.end() ? found->second : known.emplace(pcre, matches_of(pcre)).first->second;
}

}  // namespace llm::grammar
