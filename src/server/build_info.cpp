#include "server/build_info.h"

namespace llm::server {
const char* build_info() {
  return "b" LLAMA_VERSION;
}
}  // namespace llm::server
