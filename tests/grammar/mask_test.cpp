// Masks of grammars like those of programming languages: many tokens end in several regions.
#include <gtest/gtest.h>

#include <limits>
#include <random>
#include <set>

#include "grammar/filter.h"
#include "grammar/gbnf.h"

namespace llm::grammar {
namespace {

constexpr float kForbidden = -std::numeric_limits<float>::infinity();

/// Tokens as vocabularies have them: words with white space before and marks behind.
std::vector<std::string> code_pieces() {
  std::set<std::string> pieces;
  for (int byte = 1; byte < 256; ++byte) pieces.insert(std::string(1, static_cast<char>(byte)));
  const char* const words[] = {"int", "if",  "else", "return", "x",   "foo_bar", "while", "a1",
                               "9",   "123", "+",    "(",      ")",   "{",       "}",     ";",
                               ",",   "=",   "==",   "\"",     "\"a", "é",       ""};
  for (const char* const before : {"", " ", "\n", "\n\t", "   "}) {
    for (const char* const word : words) {
      for (const char* const after :
           {"", "(", ")", " ", ";", ",", "()", ");\n", " = ", "\",", "x "}) {
        pieces.insert(std::string(before) + word + after);
      }
    }
  }
  pieces.insert(std::string(300, 'a'));
  std::vector<std::string> list = {"</s>"};
  for (const std::string& piece : pieces) {
    if (!piece.empty()) list.push_back(piece);
  }
  return list;
}

/// Walks along random allowed tokens and compares the mask with single answers everywhere. Several
/// walks of one grammar: what the first ones made is used by the others.
void expect_masks_agree(const char* gbnf, unsigned seed, int walks, int steps) {
  Expressions expressions;
  const Expr root = add_gbnf(expressions, gbnf);
  const auto grammar = compile(expressions, root);
  const std::vector<std::string> pieces = code_pieces();
  const auto vocabulary = make_vocabulary(pieces, std::vector<TokenId>{0});
  std::mt19937 random(seed);
  for (int walk = 0; walk < walks; ++walk) {
    const auto filter = make_filter({.grammar = grammar}, vocabulary);
    std::string text;
    for (int step = 0; step < steps; ++step) {
      std::vector<float> logits(pieces.size(), 1.0f);
      filter->mask(logits);
      std::vector<TokenId> allowed;
      for (std::size_t i = 0; i < pieces.size(); ++i) {
        const auto token = static_cast<TokenId>(i);
        const bool is_allowed = filter->allows(token);
        ASSERT_EQ(logits[i], is_allowed ? 1.0f : kForbidden) << "'" << pieces[i] << "' behind\n"
                                                             << text;
        if (is_allowed && token != 0) allowed.push_back(token);
      }
      if (allowed.empty()) break;
      const TokenId token = allowed[random() % allowed.size()];
      filter->accept(token);
      text += pieces[token];
    }
  }
}

TEST(Masks, AgreeWithSingleTokensInALanguage) {
  expect_masks_agree(R"gbnf(root ::= ws function+
function ::= type name "(" ws (parameter ("," ws parameter)*)? ")" ws block
parameter ::= type name
type ::= ("int" | "char" | "double") space "*"* ws
block ::= "{" ws statement* "}" ws
statement ::= "if" ws condition block ("else" ws block)? | "return" space ws expression ";" ws | type name ("=" ws expression)? ";" ws | name ("=" ws expression | "(" ws arguments ")" ws) ";" ws
condition ::= "(" ws expression ")" ws
expression ::= operand (operator ws operand)*
operator ::= [-+*/<>] | "==" | "!="
operand ::= number ws | string ws | name ("(" ws arguments ")" ws)? | "(" ws expression ")" ws
arguments ::= (expression ("," ws expression)*)?
number ::= [0-9]+ ("." [0-9]+)?
string ::= "\"" ([^"\\\n] | "\\" .)* "\""
name ::= [a-zA-Z_] [a-zA-Z0-9_]* ws
space ::= [ \t\n]
ws ::= space*
)gbnf",
                     1, 4, 40);
}

TEST(Masks, AgreeWithSingleTokensWhereRegionsCount) {
  expect_masks_agree(R"gbnf(root ::= (ws item ws ","){2,60} ";"
item ::= word | "(" ws item (ws "," ws item){0,50} ws ")" | text
word ::= [a-z]{2,70} ws
text ::= "\"" [^"]{0,64} "\""
ws ::= [ \n\t]{0,50}
)gbnf",
                     2, 6, 60);
}

TEST(Masks, AllowLongTokensThatWhatFollowsACountedRegionGoesOnWith) {
  expect_masks_agree(R"gbnf(root ::= word tail root | ""
word ::= [a-z]{2,70}
tail ::= [a-z]* ";"
)gbnf",
                     4, 4, 20);
}

TEST(Masks, AgreeWithSingleTokensWhereTextsAreAmbiguous) {
  expect_masks_agree(R"gbnf(root ::= (a | b | c)+
a ::= [a-z]+ ws ("(" root ")")? ws
b ::= [a-z0-9_]+ ws b? ";"? ws
c ::= [^a]* "," | ws "int" ws a
ws ::= [ \n\t]*
)gbnf",
                     3, 4, 40);
}

}  // namespace
}  // namespace llm::grammar
