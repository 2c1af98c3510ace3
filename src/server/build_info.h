#pragma once

namespace llm::server {
/// "b<version>": `system_fingerprint` of replies and `build_info` of /props.
const char* build_info();
}  // namespace llm::server
