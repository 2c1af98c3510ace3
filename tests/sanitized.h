// What tests have to know of the build.
#pragma once

#if !defined(__has_feature)
#define __has_feature(x) 0  // Clang's way to ask
#endif

namespace llm::test {

/// Fibres change stacks behind the backs of these sanitizers.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) || \
    __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
inline constexpr bool kCanRunFibres = false;
#else
inline constexpr bool kCanRunFibres = true;
#endif

}  // namespace llm::test
