#include "compute/cpu/placement.h"

#include <gmock/gmock.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <numeric>

#include "base/error.h"

namespace llm::compute::cpu {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

/// A /sys of a machine that is not here.
class Sys {
 public:
  Sys() : path_(fs::temp_directory_path() / ("sys_test_" + std::to_string(::getpid()))) {
    fs::remove_all(path_);
  }
  ~Sys() { fs::remove_all(path_); }
  void write(const std::string& file, const std::string& text) const {
    fs::create_directories((path_ / file).parent_path());
    std::ofstream(path_ / file) << text << '\n';
  }
  void core(std::initializer_list<int> cpus) const {
    for (const int cpu : cpus)
      write("devices/system/cpu/cpu" + std::to_string(cpu) + "/topology/thread_siblings_list",
            cpu_list_text(cpus));
  }
  std::string path() const { return path_.string(); }

 private:
  fs::path path_;
};

TEST(CpuLists, AreReadAndWritten) {
  EXPECT_THAT(parse_cpu_list("0-3,8,10-11\n"), ElementsAre(0, 1, 2, 3, 8, 10, 11));
  EXPECT_THAT(parse_cpu_list(""), IsEmpty());
  EXPECT_THAT(parse_cpu_list("7,1,1-2"), ElementsAre(1, 2, 7));
  EXPECT_THAT(parse_cpu_list("x,3,4-y,-5,9-8"), ElementsAre(3));
  EXPECT_EQ(cpu_list_text({0, 1, 2, 3, 8, 10, 11}), "0-3,8,10-11");
  EXPECT_EQ(cpu_list_text({}), "");
}

TEST(DefaultThreads, OnePerPhysicalCore) {
  const Sys sys;
  sys.core({0, 4});
  sys.core({1, 5});
  sys.core({2, 6});
  sys.core({3, 7});
  EXPECT_EQ(default_threads({0, 1, 2, 3, 4, 5, 6, 7}, sys.path()), 4);
  EXPECT_EQ(default_threads({0, 4}, sys.path()), 1);
  EXPECT_EQ(default_threads({0, 5}, sys.path()), 2);
  sys.write("fs/cgroup/cpu.max", "250000 100000");
  EXPECT_EQ(default_threads({0, 1, 2, 3}, sys.path()), 2);
  sys.write("fs/cgroup/cpu.max", "10000 100000");
  EXPECT_EQ(default_threads({0, 1, 2, 3}, sys.path()), 1);
  sys.write("fs/cgroup/cpu.max", "max 100000");
  EXPECT_EQ(default_threads({0, 1, 2, 3}, sys.path()), 4);
}

TEST(DefaultThreads, TheFastCoresOfTwoKinds) {
  const Sys sys;
  sys.core({0, 1});
  sys.core({2, 3});
  for (int cpu = 4; cpu < 8; ++cpu) sys.core({cpu});
  sys.write("devices/cpu_core/cpus", "0-3");
  sys.write("devices/cpu_atom/cpus", "4-7");
  EXPECT_EQ(default_threads({0, 1, 2, 3, 4, 5, 6, 7}, sys.path()), 2);
  EXPECT_EQ(default_threads({4, 5, 6}, sys.path()), 3) << "there are no others";
}

TEST(DefaultThreads, WithoutSysOnePerCpu) {
  EXPECT_EQ(default_threads({0, 1, 2}, "/no/such/place"), 3);
}

TEST(MemoryNodes, AreThoseWithCpus) {
  const Sys sys;
  sys.write("devices/system/node/node1/cpulist", "2-3");
  sys.write("devices/system/node/node0/cpulist", "0-1");
  sys.write("devices/system/node/node2/cpulist", "");
  sys.write("devices/system/node/online", "0-2");
  EXPECT_THAT(memory_nodes(sys.path()), ElementsAre(CpuList{0, 1}, CpuList{2, 3}));
  EXPECT_THAT(memory_nodes("/no/such/place"), IsEmpty());
}

const Machine kTwoNodes{
    .allowed = {0, 1, 2, 3, 4, 5}, .nodes = {{0, 1, 2, 6}, {3, 4, 5}}, .current = 4};
const Machine kOneNode{.allowed = {0, 1, 2, 3}, .nodes = {{0, 1, 2, 3}}, .current = 1};

std::string error_of(const CpuTeam& team, Numa numa, const Machine& machine) {
  try {
    place(team, numa, machine, "for generating");
  } catch (const Error& error) {
    return error.what();
  }
  return "(no error)";
}

TEST(Place, NothingAskedLeavesThreadsAlone) {
  EXPECT_THAT(place({}, Numa::none, kOneNode, "").of_worker, IsEmpty());
  EXPECT_EQ(place({}, Numa::none, kOneNode, "").cpus, kOneNode.allowed);
  // All of them is no restriction.
  EXPECT_THAT(place({.cpus = {0, 1, 2, 3, 99}}, Numa::none, kOneNode, "").of_worker, IsEmpty());
}

TEST(Place, AMaskIsForAllThreadsUnlessItIsStrict) {
  EXPECT_THAT(place({.cpus = {1, 3}}, Numa::none, kOneNode, "").of_worker,
              ElementsAre(CpuList{1, 3}));
  EXPECT_THAT(place({.cpus = {1, 3}, .strict = true}, Numa::none, kOneNode, "").of_worker,
              ElementsAre(CpuList{1}, CpuList{3}));
  EXPECT_THAT(place({.strict = true}, Numa::none, kOneNode, "").of_worker,
              ElementsAre(CpuList{0}, CpuList{1}, CpuList{2}, CpuList{3}));
}

TEST(Place, CpusThatAreNotHereAreAnError) {
  const std::string message = error_of({.cpus = {8, 9, 10}}, Numa::none, kOneNode);
  EXPECT_EQ(message,
            "CPU mask and range for generating: of the CPUs 8-10 none is here for this process, "
            "which may use 0-3");
  EXPECT_THAT(place({.cpus = {3, 8}}, Numa::none, kOneNode, "").cpus, ElementsAre(3));
}

TEST(Place, DistributeTakesNodesInTurn) {
  EXPECT_THAT(place({}, Numa::distribute, kTwoNodes, "").of_worker,
              ElementsAre(CpuList{0, 1, 2}, CpuList{3, 4, 5}));
  EXPECT_THAT(place({.cpus = {0, 1, 4}, .strict = true}, Numa::distribute, kTwoNodes, "").of_worker,
              ElementsAre(CpuList{0}, CpuList{4}, CpuList{1}));
  EXPECT_THAT(place({.cpus = {0, 1}}, Numa::distribute, kTwoNodes, "").of_worker,
              ElementsAre(CpuList{0, 1}));
}

TEST(Place, IsolateStaysOnTheNodeOfTheStart) {
  const auto placement = place({}, Numa::isolate, kTwoNodes, "");
  EXPECT_THAT(placement.cpus, ElementsAre(3, 4, 5));
  EXPECT_THAT(placement.of_worker, ElementsAre(CpuList{3, 4, 5}));
  EXPECT_THAT(place({.cpus = {0, 5}}, Numa::isolate, kTwoNodes, "").cpus, ElementsAre(5));
  EXPECT_THAT(error_of({.cpus = {0, 1}}, Numa::isolate, kTwoNodes),
              HasSubstr("--numa isolate: none of the CPUs 0-1 for generating is on the node of "
                        "CPU 4"));
}

TEST(Place, NumactlKeepsThreadsOnWhatTheProcessWasGiven) {
  EXPECT_THAT(place({}, Numa::numactl, kTwoNodes, "").of_worker, ElementsAre(kTwoNodes.allowed));
}

TEST(Plan, OneMannerWhenBothTeamsAreAlike) {
  const Plan plan = plan_threads({.threads = 2}, kOneNode);
  EXPECT_EQ(plan.decode_threads, 2);
  EXPECT_EQ(plan.batch_threads, 2);
  ASSERT_EQ(plan.manners.size(), 1u);
  EXPECT_EQ(plan.manners[0].at_once, 4);
  EXPECT_EQ(plan.manners[0].spin, std::chrono::microseconds(20));
  EXPECT_THAT(plan.notices, IsEmpty());
}

TEST(Plan, TeamsWithPlacesOfTheirOwn) {
  const Plan plan = plan_threads({.threads = 1,
                                  .batch_threads = 3,
                                  .isa = {},
                                  .decode = {.poll = 0},
                                  .batch = {.cpus = {1, 2}, .priority = 1, .poll = 100}},
                                 kOneNode);
  ASSERT_EQ(plan.manners.size(), 2u);
  EXPECT_THAT(plan.manners[0].cpus, ElementsAre(kOneNode.allowed)) << "to leave the other place";
  EXPECT_THAT(plan.manners[1].cpus, ElementsAre(CpuList{1, 2}));
  EXPECT_EQ(plan.manners[1].at_once, 2);
  EXPECT_EQ(plan.manners[1].priority, 1);
  EXPECT_EQ(plan.manners[0].spin.count(), 0);
  EXPECT_NEAR(static_cast<double>(plan.manners[1].spin.count()), 20e6, 1e6);
}

TEST(Plan, SaysWhatChangesNothing) {
  EXPECT_THAT(plan_threads({.threads = 1, .numa = Numa::isolate}, kOneNode).notices,
              ElementsAre("--numa changes nothing: this machine has one memory node"));
  EXPECT_THAT(plan_threads({.threads = 9}, kOneNode).notices,
              ElementsAre("9 threads on 4 CPUs: not more than 4 work at a time"));
  EXPECT_THAT(plan_threads({.threads = 1, .numa = Numa::distribute}, kTwoNodes).notices,
              ElementsAre("--numa distribute: threads on 2 of 2 memory nodes, CPUs 0-5"));
}

TEST(Plan, ADeviceForCpusThatAreNotHereIsRefused) {
  EXPECT_THROW(check({.decode = {.cpus = {16000}}}), Error);
  EXPECT_THROW(make_cpu_device({.batch = {.cpus = {16000}}}), Error);
  EXPECT_NO_THROW(check({}));
}

}  // namespace
}  // namespace llm::compute::cpu
