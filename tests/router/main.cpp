#include <gtest/gtest.h>

#include "router/fake_model.h"

int main(int argc, char** argv) {
  int exit_code = 0;
  if (llm::router::plays_a_model(argc, argv, exit_code)) return exit_code;
  testing::InitGoogleTest(&argc, argv);
  return RUN_ALL_TESTS();
}
