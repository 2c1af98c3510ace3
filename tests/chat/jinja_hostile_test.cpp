// Templates that mean harm: each must end soon, with an error or a result, and never crash.
#include <gtest/gtest.h>

#include <chrono>
#include <random>

#include "chat/jinja_helpers.h"

namespace llm::test {
namespace {

using chat::jinja::FailureKind;
using chat::jinja::Limits;

std::string repeated(const std::string& text, int times) {
  std::string out;
  for (int i = 0; i < times; ++i) out += text;
  return out;
}

TEST(JinjaHostile, EndlessRecursionIsStopped) {
  EXPECT_STREQ(failure("{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}").what(),
               "the template recurses too deeply");
  EXPECT_STRNE(failure("{% for x in [[1]] recursive %}{{ loop([[1]]) }}{% endfor %}").what(), "");
}

TEST(JinjaHostile, TwoHundredNestedMacroCallsAreFine) {
  EXPECT_EQ(render("{% macro m(n) %}{% if n %}{{ m(n - 1) }}{% else %}end{% endif %}{% endmacro %}"
                   "{{ m(200) }}"),
            "end");
}

TEST(JinjaHostile, ExplosionsAreStoppedBeforeTheMemoryIsTaken) {
  for (const char* source : {
           "{{ 'x' * 10 ** 12 }}",
           "{{ [1] * 10 ** 12 }}",
           "{{ range(10 ** 9) | list }}",
           "{{ 'a'.center(10 ** 12) }}",
           "{{ '%1000000000000d' % 1 }}",
           "{{ '{:1000000000000}'.format(1) }}",
           "{{ 'a' | indent(10 ** 12, true) }}",
           "{{ [[1]] | tojson(indent=10 ** 12) }}",
           "{{ 'aaaa'.replace('', 'b' * 10 ** 8).replace('', 'c' * 10 ** 8) }}",
           "{% set ns = namespace(s='x') %}{% for i in range(100) %}{% set ns.s = ns.s + ns.s %}"
           "{% endfor %}",
           "{% set ns = namespace(l=[1]) %}{% for i in range(100) %}{% set ns.l = ns.l + ns.l %}"
           "{% endfor %}",
           "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}",
           "{% for a in range(9999) %}{{ 'x' * 9999999 }}{% endfor %}",
           "{{ 'a\tb'.expandtabs(10 ** 12) }}",
           "{{ range(99999) | slice(10 ** 12) | list }}",
           "{{ [1] | batch(10 ** 12, 0) | list }}",
       })
    EXPECT_STRNE(failure(source).what(), "") << source;
}

TEST(JinjaHostile, ValuesThatHoldThemselvesAreReleasedAndNotFollowed) {
  EXPECT_EQ(render("{% set l = [1] %}{% set _ = l.append(l) %}{{ l | length }}"), "2");
  EXPECT_STRNE(failure("{% set l = [1] %}{% set _ = l.append(l) %}{{ l }}").what(), "");
  EXPECT_STRNE(failure("{% set l = [1] %}{% set _ = l.append(l) %}{{ l | tojson }}").what(), "");
  EXPECT_STRNE(failure("{% set a = [] %}{% set b = [] %}{% set _ = a.append(b) %}"
                       "{% set _ = b.append(a) %}{{ a == b }}")
                   .what(),
               "");
  EXPECT_EQ(render("{% set d = {} %}{% set _ = d.update({'d': d}) %}"
                   "{% set ns = namespace() %}{% set ns.ns = ns %}{% set ns.m = d.update %}"
                   "{% macro m() %}{% endmacro %}{% set ns.macro = m %}ok"),
            "ok");
}

TEST(JinjaHostile, DeepNestingOfValuesIsReleasedWithoutRecursion) {
  EXPECT_EQ(render("{% set ns = namespace(l=[]) %}{% for i in range(90000) %}"
                   "{% set ns.l = [ns.l] %}{% endfor %}ok"),
            "ok");
  EXPECT_EQ(render("{% set root = [] %}{% set ns = namespace(l=root) %}{% for i in range(50000) %}"
                   "{% set n = {} %}{% set _ = ns.l.append(n) %}{% set m = [] %}"
                   "{% set _ = n.update({'x': m}) %}{% set ns.l = m %}{% endfor %}ok"),
            "ok");
}

TEST(JinjaHostile, SharedPartsDoNotMultiplyTheWork) {
  const std::string build =
      "{% set ns = namespace(a=[1], b=[1]) %}{% for i in range(60) %}"
      "{% set ns.a = [ns.a, ns.a] %}{% set ns.b = [ns.b, ns.b] %}{% endfor %}";
  EXPECT_STRNE(failure(build + "{{ ns.a == ns.b }}").what(), "");
  EXPECT_STRNE(failure(build + "{{ ns.a }}").what(), "");
  EXPECT_STRNE(failure(build + "{{ ns.a | tojson }}").what(), "");
}

TEST(JinjaHostile, DeepSourcesAreRefused) {
  for (const std::string& source : {
           "{{ " + repeated("(", 5000) + "1" + repeated(")", 5000) + " }}",
           "{{ " + repeated("[", 5000) + repeated("]", 5000) + " }}",
           "{{ " + repeated("not ", 5000) + "1 }}",
           "{{ " + repeated("-", 5000) + "1 }}",
           "{{ 1" + repeated(" + 1", 50000) + " }}",
           "{{ 1" + repeated(" | abs", 50000) + " }}",
           "{{ x" + repeated(".y", 50000) + " }}",
           "{{ x" + repeated("[0]", 50000) + " }}",
           "{{ f" + repeated("(f", 5000) + repeated(")", 5000) + " }}",
           repeated("{% if 1 %}", 5000) + repeated("{% endif %}", 5000),
           "{% set " + repeated("(", 5000) + "a" + repeated(")", 5000) + " = 1 %}",
           "{{ 1" + repeated(" if 1 else 1", 5000) + " }}",
           "{{ " + repeated("{1:", 5000) + "1" + repeated("}", 5000) + " }}",
       })
    EXPECT_EQ(failure(source).kind, FailureKind::syntax) << source.substr(0, 60);
}

TEST(JinjaHostile, LongButFlatSourcesAreFine) {
  EXPECT_EQ(render("{{ 'a'" + repeated(" ~ 'a'", 5000) + " }}").size(), 5001u);
  EXPECT_EQ(render(repeated("{% if 1 %}x{% endif %}", 5000)).size(), 5000u);
}

TEST(JinjaHostile, DeepJsonIsRefused) {
  Json deep = 1;
  for (int i = 0; i < 5000; ++i) deep = Json::array({std::move(deep)});
  EXPECT_STREQ(failure("{{ x | length }}", {{"x", deep}}).what(),
               "the template recurses too deeply");
}

TEST(JinjaHostile, LimitsGrowWithTheInput) {
  Limits limits;
  limits.steps = 100;
  limits.bytes = 2'000'000;
  const Json context = {{"s", std::string(5000, 'x')}};
  EXPECT_EQ(render("{% for c in s %}{{ c }}{% endfor %}", context, limits).size(), 5000u);
}

TEST(JinjaHostile, OddArgumentsAreErrors) {
  for (const char* source : {
           "{{ 'abc'[::0] }}",
           "{{ range(1, 2, 0) }}",
           "{{ 1 // 0 }}",
           "{{ 1.0 % 0 }}",
           "{{ 'a'.split('') }}",
           "{{ [] | batch }}",
           "{{ 1 | slice(0) }}",
           "{{ [].pop() }}",
           "{{ {}.popitem() }}",
           "{{ 'a' | truncate(1) }}",
           "{{ '%' % 1 }}",
           "{{ '{' .format() }}",
           "{{ '{0.a}'.format(1) }}",
           "{{ '%*d' % ('a', 1) }}",
           "{{ [1, 'a'] | sort }}",
           "{{ {[1]: 2} }}",
           "{{ loop() }}",
           "{{ 'a' | center(1, 2, 3) }}",
           "{{ 'a'.join(b=1) }}",
           "{{ range('a') }}",
           "{{ 'a'.zfill() }}",
           "{{ '\\ud800' | foo }}",
           "{{ (-9223372036854775807 - 1) | abs | foo }}",
       })
    EXPECT_STRNE(failure(source).what(), "") << source;
  EXPECT_EQ(render("{{ (-9223372036854775807 - 1) // -1 }} {{ (-9223372036854775807 - 1) % -1 }} "
                   "{{ 'abc'[9223372036854775807:] }}{{ 'abc'[:: -9223372036854775808] }} "
                   "{{ [1, 2, 3][-9223372036854775808:9223372036854775807] }}"),
            "9223372036854775808 0 c [1, 2, 3]");
}

/// Cuts and shuffles of a template must parse or fail, nothing else.
TEST(JinjaHostile, MutilatedTemplatesNeverCrash) {
  const std::string source =
      "{%- set ns = namespace(a=1) -%}{% for m in [{'r': 'u', 'c': 'x\\n'}] if m.r != 'z' %}"
      "{{- '<|' ~ m['r'] ~ '|>' + (m.c | trim | tojson(indent=2))[:-1] -}}"
      "{% if loop.last and not x is defined %}{{ ns.a // 2 ** 3 }}{% elif m is mapping %}"
      "{% macro f(a, b=[1, 2.5e3]) %}{{ a(*b, **{}) }}{% endmacro %}{% endif %}"
      "{# c #}{% endfor %}{% raw %}{{ }}{% endraw %}";
  std::mt19937 random(7);
  for (int round = 0; round < 4000; ++round) {
    std::string cut = source;
    for (int edits = 0; edits < 3; ++edits) {
      const std::size_t at = random() % cut.size();
      const std::size_t size = std::min<std::size_t>(random() % 12, cut.size() - at);
      if (random() % 2 == 0) {
        cut.erase(at, size);
      } else {
        cut.insert(random() % cut.size(), cut.substr(at, size));
      }
      if (cut.empty()) cut = "{{";
    }
    failure(cut);
  }
}

TEST(JinjaHostile, AHundredMessagesTakeWellUnderTwoMilliseconds) {
  Json messages = Json::array();
  for (int i = 0; i < 100; ++i)
    messages.push_back({{"role", i % 2 == 0 ? "user" : "assistant"},
                        {"content", repeated("some words of a conversation ", 10)}});
  const chat::jinja::Program program(
      "{% for message in messages %}{% if message.role == 'user' %}"
      "{{ '<|im_start|>' + message.role + '\\n' + message.content | trim + '<|im_end|>\\n' }}"
      "{% elif message.role == 'assistant' %}{% set content = message.content %}"
      "{% if '</think>' in content %}{% set content = content.split('</think>')[-1] %}{% endif %}"
      "{{ '<|im_start|>assistant\\n' + content + '<|im_end|>\\n' }}{% endif %}{% endfor %}");
  const chat::jinja::Variable variables[] = {{"messages", &messages}};
  double best_ms = 1e9;
  for (int round = 0; round < 20; ++round) {
    const auto begin = std::chrono::steady_clock::now();
    program.render(variables, kRecordedClock);
    const std::chrono::duration<double, std::milli> taken =
        std::chrono::steady_clock::now() - begin;
    best_ms = std::min(best_ms, taken.count());
  }
  RecordProperty("best_us", static_cast<int>(best_ms * 1000));
#ifdef NDEBUG
  EXPECT_LT(best_ms, 2.0);
#endif
}

}  // namespace
}  // namespace llm::test
