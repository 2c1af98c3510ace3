// The language itself: statements, scopes, operators, white space.
#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

#include "chat/jinja_helpers.h"

namespace llm::test {
namespace {

using chat::jinja::FailureKind;

TEST(JinjaLanguage, BlockTagsTakeTheirLineWithThem) {
  EXPECT_EQ(render("a\n  {% if true %}\n  b\n  {% endif %}\nc\n"), "a\n  b\nc");
  EXPECT_EQ(render("  {# note #}\nx"), "x");
  EXPECT_EQ(render("   {{ 'kept' }}"), "   kept");
  EXPECT_EQ(render("a {{- 1 -}} b"), "a1b");
  EXPECT_EQ(render("  {%+ if true +%}\nx{% endif %}"), "  \nx");
  EXPECT_EQ(render("a\r\nb\rc"), "a\nb\nc");
}

TEST(JinjaLanguage, OneLineFeedAtTheEndIsDropped) {
  EXPECT_EQ(render("a\n"), "a");
  EXPECT_EQ(render("a\n\n"), "a\n");
}

TEST(JinjaLanguage, RawTextIsNotRead) {
  EXPECT_EQ(render("{% raw %}{{ x }}{% if %}{% endraw %}"), "{{ x }}{% if %}");
  EXPECT_EQ(render("{%- raw -%} {{ x }} {%- endraw -%} !"), "{{ x }}!");
}

TEST(JinjaLanguage, BracesInsideAnExpressionDoNotEndIt) {
  EXPECT_EQ(render("{{ {'a': {'b': 1}} }}"), "{'a': {'b': 1}}");
}

TEST(JinjaLanguage, OperatorsBindAsInJinja) {
  EXPECT_EQ(render("{{ 2 + 3 * 4 }} {{ 1 ~ 2 }}"), "14 12");
  EXPECT_EQ(render("{{ 'a' ~ 1 ~ none }}"), "a1None");
  EXPECT_EQ(render("{{ not 1 == 2 }} {{ 1 < 2 < 3 }} {{ 'x' if false else 'y' }}"), "True True y");
  EXPECT_EQ(render("{{ 2 ** 3 ** 2 }} {{ -3 | abs }} {{ 1 in [1] and 2 not in [1] }}"),
            "64 3 True");
}

TEST(JinjaLanguage, NumbersFollowPython) {
  EXPECT_EQ(render("{{ 7 // 2 }} {{ -7 // 2 }} {{ -7 % 3 }} {{ 6 / 2 }} {{ 5 % 2.5 }}"),
            "3 -4 2 3.0 0.0");
  EXPECT_EQ(render("{{ 1e16 }} {{ 0.1 + 0.2 }} {{ 1e-5 }} {{ 100.0 }}"),
            "1e+16 0.30000000000000004 1e-05 100.0");
  EXPECT_EQ(render("{{ 9223372036854775807 + 1 }} {{ 2 ** 100 }} {{ -(2 ** 64) // 3 }}"),
            "9223372036854775808 1267650600228229401496703205376 -6148914691236517206");
  EXPECT_EQ(render("{{ 123456789012345678901234567890 * -10 }} {{ '%x' % 2 ** 70 }}"),
            "-1234567890123456789012345678900 400000000000000000");
}

TEST(JinjaLanguage, StringsAreSequencesOfCodePoints) {
  EXPECT_EQ(render("{{ 'h\u00e9llo' | length }} {{ 'h\u00e9llo'[1] }} {{ 'h\u00e9llo'[::-1] }}"),
            "5 \u00e9 oll\u00e9h");
  EXPECT_EQ(render("{{ 'abc'[-2:] }} {{ 'abc'[:-1] }} {{ 'abc'[5:] }}|{{ [1, 2, 3][::2] }}"),
            "bc ab |[1, 3]");
  EXPECT_EQ(render(R"({{ 'a\tb\x41\u00e9\q' }})"), "a\tbA\u00e9\\q");
}

TEST(JinjaLanguage, UndefinedIsQuietUntilItIsUsed) {
  EXPECT_EQ(render("[{{ x }}] {{ x is defined }} {{ x or 'd' }} {{ x | length }} {{ x == none }}"),
            "[] False d 0 False");
  EXPECT_STREQ(failure("{{ x.y }}").what(), "'x' is undefined");
  EXPECT_STREQ(failure("{{ {}.a.b }}").what(), "'dict object' has no attribute 'a'");
  EXPECT_STREQ(failure("{{ [1][5] + 1 }}").what(), "list object has no element 5");
  EXPECT_EQ(failure("{{ 'a' + 1 }}").kind, FailureKind::runtime);
}

TEST(JinjaLanguage, LoopsKnowWhereTheyAre) {
  EXPECT_EQ(render("{% for i in 'abc' %}{{ loop.index }}{{ i }}{{ loop.last }} {% endfor %}"),
            "1aFalse 2bFalse 3cTrue ");
  EXPECT_EQ(render("{% for i in [1, 2, 3] if i != 2 %}{{ loop.length }}{{ i }}{% endfor %}"),
            "2123");
  EXPECT_EQ(render("{% for i in [] %}x{% else %}none{% endfor %}"), "none");
  EXPECT_EQ(render("{% for k, v in {'a': 1}.items() %}{{ k }}{{ v }}{% endfor %}"), "a1");
  EXPECT_EQ(render("{% for i in [1, 2, 3] %}{% if i == 2 %}{% continue %}{% endif %}{{ i }}"
                   "{% endfor %}{% for i in [1, 2] %}{{ i }}{% break %}{% endfor %}"),
            "131");
}

TEST(JinjaLanguage, RecursiveLoopsGoDown) {
  const Json tree = {{"t", {{{"v", 1}, {"c", {{{"v", 2}, {"c", Json::array()}}}}}}}};
  EXPECT_EQ(render("{% for n in t recursive %}{{ n.v }}@{{ loop.depth }}"
                   "{% if n.c %}({{ loop(n.c) }}){% endif %}{% endfor %}",
                   tree),
            "1@1(2@2)");
}

TEST(JinjaLanguage, AssignmentsInsideALoopDoNotSurviveTheIteration) {
  EXPECT_EQ(render("{% set x = 1 %}{% for i in [1, 2] %}{% set x = x + 1 %}{{ x }}{% endfor %}"
                   "{{ x }}"),
            "221");
  EXPECT_EQ(render("{% set x = 1 %}{% if true %}{% set x = 2 %}{% endif %}{{ x }}"), "2");
  EXPECT_EQ(render("{% set ns = namespace(n=0) %}{% for i in [1, 2] %}{% set ns.n = ns.n + i %}"
                   "{% endfor %}{{ ns.n }}"),
            "3");
}

TEST(JinjaLanguage, MacrosSeeTheModuleAsItIsWhenTheyAreCalled) {
  EXPECT_EQ(render("{% macro m() %}{{ g }}{% endmacro %}{% set g = 5 %}{{ m() }}"), "5");
  EXPECT_EQ(render("{% macro f(a, b=a) %}{{ a }}{{ b }}{{ varargs }}{% endmacro %}"
                   "{{ f(1) }} {{ f(1, 2, 3) }}"),
            "11() 12(3,)");
  EXPECT_EQ(render("{% macro w(x) %}<{{ caller(x) }}>{% endmacro %}"
                   "{% call(v) w(7) %}[{{ v }}]{% endcall %}"),
            "<[7]>");
  EXPECT_EQ(render("{% macro f(n) %}{{ n }}{% if n %}{{ f(n - 1) }}{% endif %}{% endmacro %}"
                   "{{ f(3) }}"),
            "3210");
}

TEST(JinjaLanguage, AMacroOutlivesTheLoopThatDefinedIt) {
  EXPECT_EQ(render("{% set ns = namespace() %}{% for i in [1, 2] %}"
                   "{% macro m() %}{{ i }}{% endmacro %}{% set ns.m = m %}{% endfor %}"
                   "{{ ns.m() }}"),
            "2");
}

TEST(JinjaLanguage, BlocksCanBeCaptured) {
  EXPECT_EQ(render("{% set x | upper %}abc{% endset %}{{ x }}{% filter trim %} a {% endfilter %}|"),
            "ABCa|");
  EXPECT_EQ(render("{% with a = 1 %}{{ a }}{% endwith %}{{ a }}|"
                   "{% generation %}g{% endgeneration %}{% block b %}c{% endblock %}"),
            "1|gc");
}

TEST(JinjaLanguage, MethodsComeBeforeKeysBehindADot) {
  EXPECT_EQ(render("{{ {'items': 5}.items is callable }} {{ {'items': 5}['items'] }}"), "True 5");
}

TEST(JinjaLanguage, UnknownFiltersMatterOnlyWhereTheyAreReached) {
  EXPECT_EQ(render("{% if false %}{{ 1 | nosuch }}{% endif %}ok{{ 1 | nosuch if false }}"), "ok");
  EXPECT_EQ(failure("{{ 1 | nosuch }}").kind, FailureKind::syntax);
  EXPECT_EQ(failure("{% if true %}{{ 1 | nosuch }}{% endif %}").kind, FailureKind::runtime);
}

TEST(JinjaLanguage, OtherFilesCannotBeIncluded) {
  for (const char* source : {"{% include 'a' %}", "{% extends 'a' %}", "{% import 'a' as b %}"})
    EXPECT_EQ(failure(source).kind, FailureKind::syntax) << source;
}

TEST(JinjaLanguage, RaisedExceptionsCarryTheirText) {
  const auto thrown = failure("a\n  {{ raise_exception('no ' ~ 1) }}");
  EXPECT_EQ(thrown.kind, FailureKind::raise);
  EXPECT_STREQ(thrown.what(), "no 1");
}

TEST(JinjaLanguage, ErrorsTellLineAndColumn) {
  const auto runtime = failure("a\n\u00e9\u00e9{{ x.y }}");
  EXPECT_EQ(runtime.line, 2);
  EXPECT_EQ(runtime.column, 7);
  const auto syntax = failure("a\n\n{{ 1 + }}");
  EXPECT_EQ(syntax.line, 3);
  EXPECT_EQ(syntax.column, 8);
}

/// What render_both() says of `flag`, beside two renderings.
void expect_both(std::string_view source, const Json& context = Json::object()) {
  const chat::jinja::Program program(source);
  std::vector<chat::jinja::Variable> variables;
  for (const auto& [name, value] : context.items()) variables.push_back({name, &value});
  const auto [with, without] = program.render_both(variables, "flag", kRecordedClock);
  Json flagged = context;
  flagged["flag"] = true;
  EXPECT_EQ(with, render(source, flagged)) << source;
  EXPECT_EQ(without, render(source, context)) << source;
}

TEST(JinjaLanguage, BothTextsOfAFlagAreThoseOfTwoRenderings) {
  expect_both("no flags");
  expect_both("a{{ x }}{% if flag %}b{% endif %}c", {{"x", 1}});
  expect_both("{% if flag %}{% set x = 1 %}{% endif %}{{ x }}{% set x = 2 %}{{ x }}");
  expect_both("{% set x = 1 %}a{% set x = 5 if flag else x + 1 %}{{ x }}");
  expect_both("{% for i in [1, 2] %}{{ i }}{{ flag }}{% endfor %}{{ flag is defined }}");
  // What is changed behind the first use must not be seen by the other rendering.
  expect_both(
      "{% set ns = namespace(n=0) %}{{ flag }}{% set ns.n = ns.n + 1 %}{{ ns.n }}"
      "{% set ns.n = ns.n + 1 %}{{ ns.n }}");
  expect_both("{% set l = [] %}{{ flag }}{{ l.append(1) }}{{ l }}");
  expect_both(
      "{% set ns = namespace(n=0) %}{% macro f() %}{% set ns.n = ns.n + 1 %}{{ ns.n }}"
      "{% endmacro %}{{ f() }}{% if flag %}{{ f() }}{% endif %}{{ f() }}");
  expect_both("{% macro f() %}{{ flag }}{% endmacro %}a{{ f() }}b");
  expect_both("{% set c = cycler(1, 2) %}{{ flag }}{{ c.next() }}");
  expect_both("{% set flag = 3 %}{{ flag }}");
}

TEST(JinjaLanguage, OperandsKeepTheirValueWhileOthersAreEvaluated) {
  const std::string change =
      "{% set ns = namespace(x='a', l=[1]) %}"
      "{% macro f() %}{% set ns.x = 'b' %}{% set ns.l = [2] %}0{% endmacro %}";
  EXPECT_EQ(render(change + "{{ ns.x ~ f() ~ ns.x }}"), "a0b");
  EXPECT_EQ(render(change + "{{ ns.x == 'a' ~ f() | replace('0', '') }}"), "True");
  EXPECT_EQ(render(change + "{{ ns.l[f() | int] }}{{ ns.l[0] }}"), "12");
  EXPECT_EQ(render(change + "{{ ns.x | default(f()) }}{{ ns.x }}"), "ab");
  EXPECT_EQ(render(change + "{{ ns.x is eq('a' ~ f() | trim('0')) }}"), "True");
  EXPECT_EQ(render("{{ {'a': {'b': [1, {'c': 'deep'}]}}.a['b'][1].c }}"), "deep");
}

TEST(JinjaLanguage, LoopsThatDoNotNameTheirVariableSeeTheOuterOne) {
  EXPECT_EQ(render("{% for a in 'xy' %}{% for b in range(3) %}{{ b }}{% endfor %}{{ loop.index }}"
                   "{% endfor %}"),
            "01210122");
  EXPECT_EQ(render("{% for b in range(6, 0, -2) %}{{ b }}{% if b == 4 %}{% break %}{% endif %}"
                   "{% endfor %}"),
            "64");
  EXPECT_EQ(render("{% for b in range(0) %}{{ b }}{% else %}none{% endfor %}"), "none");
  EXPECT_EQ(render("{% set r = range(3) %}{% for b in r %}{% set r = 1 %}{{ b }}{% endfor %}"),
            "012");
}

}  // namespace
}  // namespace llm::test
