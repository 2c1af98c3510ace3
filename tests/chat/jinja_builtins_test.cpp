// Filters, tests, methods and global functions.
#include <gtest/gtest.h>

#include <cstdlib>
#include <ctime>

#include "chat/jinja_helpers.h"

namespace llm::test {
namespace {

TEST(JinjaBuiltins, JsonIsWrittenAsPythonWritesIt) {
  const Json value = {
      {"v", Json::parse(R"({"b": [1, 2.0, true, null, "\u00e9<\u0007"], "a": {}})")}};
  EXPECT_EQ(render("{{ v | tojson }}", value),
            "{\"b\": [1, 2.0, true, null, \"\u00e9<\\u0007\"], \"a\": {}}");
  EXPECT_EQ(render("{{ v.a | tojson(indent=2) }} {{ [1, []] | tojson(indent=1) }}", value),
            "{} [\n 1,\n []\n]");
  EXPECT_EQ(render("{{ '\u00e9\U0001F600' | tojson(ensure_ascii=true) }}"),
            R"("\u00e9\ud83d\ude00")");
  EXPECT_EQ(render("{{ {'b': 1, 'a': 2} | tojson(sort_keys=true, separators=(',', ':')) }}"),
            R"({"a":2,"b":1})");
  EXPECT_EQ(render("{{ {1: 2, none: 3, true: 4} | tojson }}"), R"({"1": 4, "null": 3})");
  EXPECT_EQ(render("{{ ['a'] | map('upper') | tojson }} {{ '[1.0]' | from_json }}"),
            R"(["A"] [1.0])");
  EXPECT_STRNE(failure("{{ x | tojson }}").what(), "");
}

TEST(JinjaBuiltins, ValuesPrintAsInPython) {
  EXPECT_EQ(render(R"({{ [1, 'it\'s', "q\"", none, {'k': 2.0}, (1,)] }})"),
            R"([1, "it's", 'q"', None, {'k': 2.0}, (1,)])");
  EXPECT_EQ(render("{{ ['\\n', '\u2028'] }} {{ range(3) }} {{ {'a': 1}.keys() }}"),
            R"(['\n', '\u2028'] range(0, 3) dict_keys(['a']))");
}

TEST(JinjaBuiltins, StringMethodsFollowPython) {
  EXPECT_EQ(render("{{ ' a '.strip() }}{{ 'xxaxx'.strip('x') }}{{ 'abc'.lstrip('ab') }}"), "aac");
  EXPECT_EQ(render("{{ ' a  b '.split() }} {{ 'a,,b'.split(',') }} {{ 'a b c'.rsplit(' ', 1) }}"),
            "['a', 'b'] ['a', '', 'b'] ['a b', 'c']");
  EXPECT_EQ(
      render("{{ 'stra\u00dfe'.upper() }} {{ '\u0391\u03a3'.lower() }} {{ 'ab cd'.title() }}"),
      "STRASSE \u03b1\u03c2 Ab Cd");
  EXPECT_EQ(render("{{ 'a'.startswith(('x', 'a')) }} {{ '\u00e9a'.find('a') }} {{ 'x'.zfill(3) }}"),
            "True 1 00x");
  EXPECT_EQ(render("{{ '{:>5}|{0:<3}'.format('a') }}").substr(0, 0), "");
  EXPECT_EQ(render("{{ '{:>4}|{:,}|{x:.2f}'.format('a', 1234567, x=1.005) }}"),
            "   a|1,234,567|1.00");
  EXPECT_EQ(render("{{ '%s=%05.1f%%' % ('a', 3.14159) }} {{ '%-4s|' | format('z') }}"),
            "a=003.1% z   |");
}

TEST(JinjaBuiltins, FiltersSelectAndSort) {
  const Json rows = {
      {"o", {{{"n", 1}, {"t", "x"}}, {{"n", 2}, {"t", "Y"}}, {{"n", 3}, {"t", "x"}}}}};
  EXPECT_EQ(render("{{ o | selectattr('t', 'equalto', 'x') | map(attribute='n') | list }}", rows),
            "[1, 3]");
  EXPECT_EQ(render("{{ o | rejectattr('t', 'eq', 'x') | map(attribute='n') | join }}", rows), "2");
  EXPECT_EQ(render("{{ o | sort(attribute='t', reverse=true) | map(attribute='n') | list }}", rows),
            "[2, 1, 3]");
  EXPECT_EQ(
      render("{{ o | sum(attribute='n') }} {{ o | map(attribute='t') | unique | list }}", rows),
      "6 ['x', 'Y']");
  EXPECT_EQ(render("{% for k, v in o | groupby('t') %}{{ k }}{{ v | length }}{% endfor %}", rows),
            "x2Y1");
  EXPECT_EQ(render("{{ {'b': 1, 'A': 2} | dictsort }} {{ none | select | list }}"),
            "[('A', 2), ('b', 1)] []");
}

TEST(JinjaBuiltins, FiltersConvert) {
  EXPECT_EQ(render("{{ '42.7' | int }} {{ 'x' | int(7) }} {{ '0x1f' | int(base=16) }} "
                   "{{ '1e3' | float }} {{ 2.5 | round }} {{ -3 | abs }}"),
            "42 7 31 1000.0 2.0 3");
  EXPECT_EQ(render("{{ none | default('d') }} {{ x | default('d') }} {{ '' | d('e', true) }}"),
            "None d e");
  EXPECT_EQ(render("{{ 'a\n\nb' | indent(2) }}|{{ 'a b' | wordcount }}|{{ '<' | e }}"),
            "a\n\n  b|2|&lt;");
}

TEST(JinjaBuiltins, TestsTakeArgumentsWithoutParentheses) {
  EXPECT_EQ(render("{{ 9 is divisibleby 3 }} {{ 'a' is in ['a'] }} {{ true is integer }} "
                   "{{ 'x' is not string }} {{ range is callable }} {{ {} is mapping }}"),
            "True True False False True True");
}

TEST(JinjaBuiltins, GlobalFunctionsKeepTheirState) {
  EXPECT_EQ(render("{% set c = cycler('a', 'b') %}{{ c.next() }}{{ c.next() }}{{ c.next() }}"),
            "aba");
  EXPECT_EQ(render("{% set j = joiner('|') %}{{ j() }}a{{ j() }}b"), "a|b");
  EXPECT_EQ(render("{{ range(5, 0, -2) | list }} {{ dict([('a', 1)], b=2) }}"),
            "[5, 3, 1] {'a': 1, 'b': 2}");
}

TEST(JinjaBuiltins, ListsAndDictsCanBeChanged) {
  EXPECT_EQ(render("{% set l = [1] %}{% set _ = l.append(2) %}{{ l.pop(0) }}{{ l }}"), "1[2]");
  EXPECT_EQ(render("{% set d = {'a': 1} %}{% set _ = d.update({'b': 2}, a=3) %}{{ d }}"
                   "{{ d.pop('a') }}{{ d }}{{ d.get('z', 9) }}"),
            "{'a': 3, 'b': 2}3{'b': 2}9");
}

TEST(JinjaBuiltins, DictsFindTheirKeysAtAnySize) {
  EXPECT_EQ(
      render("{% set d = {} %}{% for i in range(200) %}{% set _ = d.update({i | string: i}) %}"
             "{% endfor %}{{ d['150'] }} {{ d.pop('3') }} {{ d['150'] }} {{ '3' in d }} "
             "{{ d | length }}"),
      "150 3 150 False 199");
}

TEST(JinjaBuiltins, TheClockIsLocalTime) {
  setenv("TZ", "UTC", 1);
  tzset();
  EXPECT_EQ(render("{{ strftime_now('%d %b %Y %-d %H:%M:%S %A') }}"),
            "05 Mar 2026 5 14:07:09 Thursday");
}

}  // namespace
}  // namespace llm::test
