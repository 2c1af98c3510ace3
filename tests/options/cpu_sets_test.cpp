#include "options/cpu_sets.h"

#include <gmock/gmock.h>

#include <numeric>

#include "base/error.h"
#include "options/options.h"

namespace llm::options {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

Options options_of(std::vector<const char*> arguments) {
  arguments.insert(arguments.begin(), "llama-server");
  return parse(static_cast<int>(arguments.size()), arguments.data(),
               [](const char*) -> const char* { return nullptr; })
      .options;
}

template <class Work>
std::string error_of(Work work) {
  try {
    work();
  } catch (const Error& error) {
    return error.what();
  }
  return "(no error)";
}

TEST(CpuSets, MasksAreHexadecimalOfAnyLengthAndCase) {
  EXPECT_THAT(cpus_of_mask("-C", "1"), ElementsAre(0));
  EXPECT_THAT(cpus_of_mask("-C", "0xF0"), ElementsAre(4, 5, 6, 7));
  EXPECT_THAT(cpus_of_mask("-C", "0Xa5"), ElementsAre(0, 2, 5, 7));
  EXPECT_THAT(cpus_of_mask("-C", "A5"), ElementsAre(0, 2, 5, 7));
  EXPECT_THAT(cpus_of_mask("-C", std::string(5000, '0') + "3"), ElementsAre(0, 1));
  EXPECT_THAT(cpus_of_mask("-C", "8" + std::string(64, '0')), ElementsAre(259));
  EXPECT_THAT(cpus_of_mask("-C", std::string(256, 'f')), SizeIs(1024));
  // Far beyond any machine: nothing to remember, and not the memory of it either.
  EXPECT_THAT(cpus_of_mask("-C", std::string(1 << 20, 'F')), SizeIs(16384));
}

TEST(CpuSets, NonsenseIsNoMask) {
  for (const char* text : {"", "0x", "x1", "0x0x1", "g", "12h", " 1", "1 ", "-1", "+1", "0.5",
                           "1,2", "\xc3\xa4", "0-3"}) {
    const std::string message = error_of([&] { cpus_of_mask("--cpu-mask", text); });
    EXPECT_THAT(message, HasSubstr("--cpu-mask: expected a hexadecimal mask")) << text;
    EXPECT_THAT(message, HasSubstr(std::string("'") + text + "'"));
  }
  for (const char* text : {"0", "0x0", "0000"})
    EXPECT_THAT(error_of([&] { cpus_of_mask("-C", text); }), HasSubstr("names no CPU")) << text;
  const std::string beyond = "1" + std::string(8000, '0');
  EXPECT_THAT(error_of([&] { cpus_of_mask("-C", beyond); }), HasSubstr("names no CPU"));
}

TEST(CpuSets, RangesMayBeOpen) {
  EXPECT_THAT(cpus_of_range("-Cr", "4-7"), ElementsAre(4, 5, 6, 7));
  EXPECT_THAT(cpus_of_range("-Cr", "3-3"), ElementsAre(3));
  EXPECT_THAT(cpus_of_range("-Cr", "-2"), ElementsAre(0, 1, 2));
  EXPECT_EQ(cpus_of_range("-Cr", "2-").front(), 2);
  EXPECT_GE(cpus_of_range("-Cr", "2-").back(), 8191);
}

TEST(CpuSets, NonsenseIsNoRange) {
  for (const char* text : {"", "-", "3", "a-b", "1-2-3", "--1", "1-b", "0x1-2", "1,2", " 1-2",
                           "0-99999999999999999999", "0-20000"})
    EXPECT_THAT(error_of([&] { cpus_of_range("--cpu-range", text); }),
                HasSubstr("--cpu-range: expected"))
        << text;
  EXPECT_EQ(error_of([&] { cpus_of_range("-Cr", "5-4"); }),
            "-Cr: the range '5-4' ends before it begins");
}

TEST(ThreadFlags, MaskAndRangeAddUp) {
  const auto threads = options_of({"-C", "0x11", "-Cr", "3-4"}).threads;
  EXPECT_THAT(threads.generating.cpus(), ElementsAre(0, 3, 4));
  EXPECT_THAT(options_of({}).threads.generating.cpus(), IsEmpty());
}

TEST(ThreadFlags, WhatIsNotSaidAboutPromptsIsAsForGenerating) {
  const auto same =
      options_of({"--cpu-mask", "6", "--cpu-strict", "1", "--prio", "2", "--poll", "0"})
          .threads.reading;
  EXPECT_THAT(same.cpus(), ElementsAre(1, 2));
  EXPECT_EQ(same.strict, 1);
  EXPECT_EQ(same.priority, 2);
  EXPECT_EQ(same.poll, 0);

  const auto threads = options_of({"-C", "6", "-Crb", "0-1", "--cpu-strict-batch", "1",
                                   "--prio-batch", "3", "--poll-batch", "100", "--prio", "-1"})
                           .threads;
  EXPECT_THAT(threads.generating.cpus(), ElementsAre(1, 2));
  EXPECT_EQ(threads.generating.strict, 0);
  EXPECT_EQ(threads.generating.priority, -1);
  EXPECT_EQ(threads.generating.poll, 50);
  EXPECT_THAT(threads.reading.cpus(), ElementsAre(0, 1));
  EXPECT_EQ(threads.reading.strict, 1);
  EXPECT_EQ(threads.reading.priority, 3);
  EXPECT_EQ(threads.reading.poll, 100);
  EXPECT_THAT(options_of({"--cpu-mask-batch", "8", "-C", "1"}).threads.reading.cpus(),
              ElementsAre(3));
}

TEST(ThreadFlags, ValuesOutsideAreRefusedByName) {
  const std::pair<std::vector<const char*>, const char*> kCases[] = {
      {{"--cpu-strict", "2"}, "--cpu-strict: expected an integer from 0 to 1, got '2'"},
      {{"--cpu-strict", "yes"}, "--cpu-strict: expected an integer from 0 to 1, got 'yes'"},
      {{"--prio", "4"}, "--prio: expected an integer from -1 to 3, got '4'"},
      {{"--prio", "-2"}, "--prio: expected an integer from -1 to 3, got '-2'"},
      {{"--prio-batch", "-1"}, "--prio-batch: expected an integer from 0 to 3, got '-1'"},
      {{"--poll", "101"}, "--poll: expected an integer from 0 to 100, got '101'"},
      {{"--poll-batch", "-1"}, "--poll-batch: expected an integer from 0 to 100, got '-1'"},
      {{"--numa", "mirror"}, "--numa: expected one of distribute, isolate, numactl, got 'mirror'"},
      {{"-C", "zz"}, "--cpu-mask: expected a hexadecimal mask such as f0 or 0xf0, got 'zz'"},
  };
  for (const auto& [arguments, message] : kCases)
    EXPECT_EQ(error_of([&] { options_of(arguments); }), message);
}

TEST(ThreadFlags, NumaHasAVariable) {
  const char* arguments[] = {"llama-server"};
  const auto parsed = parse(1, arguments, [](const char* name) -> const char* {
    return std::string_view(name) == "LLAMA_ARG_NUMA" ? "isolate" : nullptr;
  });
  EXPECT_EQ(parsed.options.threads.numa, "isolate");
}

}  // namespace
}  // namespace llm::options
