#include "base/exposition.h"

#include <gtest/gtest.h>

namespace llm {
namespace {

TEST(Exposition, EscapesHelpAndLabelsAndLeavesEmptyOnesOut) {
  Exposition out;
  out.family("a_total", "counter", "one\\two\nthree \"four\"");
  out.sample({{"path", "a\"b\\c\nd"}, {"other", ""}}, 3);
  EXPECT_EQ(out.take(),
            "# HELP a_total one\\\\two\\nthree \"four\"\n"
            "# TYPE a_total counter\n"
            "a_total{path=\"a\\\"b\\\\c\\nd\"} 3\n");
}

TEST(Exposition, HistogramsCumulateUpToInfinity) {
  constexpr double kBounds[] = {0.5, 1};
  Histogram histogram(kBounds);
  for (const double value : {0.25, 0.75, 7.0, 8.0}) histogram.observe(value);
  Exposition out;
  out.family("h", "histogram", "x");
  out.histogram({{"endpoint", "/v1"}}, histogram.values());
  EXPECT_EQ(out.take(),
            "# HELP h x\n# TYPE h histogram\n"
            "h_bucket{endpoint=\"/v1\",le=\"0.5\"} 1\n"
            "h_bucket{endpoint=\"/v1\",le=\"1\"} 2\n"
            "h_bucket{endpoint=\"/v1\",le=\"+Inf\"} 4\n"
            "h_sum{endpoint=\"/v1\"} 16\n"
            "h_count{endpoint=\"/v1\"} 4\n");
}

}  // namespace
}  // namespace llm
