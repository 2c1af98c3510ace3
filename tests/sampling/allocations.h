#pragma once

namespace llm {
/// Calls of operator new in this test program so far.
long allocation_count();
}  // namespace llm
