// The tables behind find_method, those that have a file of their own.
#pragma once

#include <span>

#include "chat/jinja/builtins.h"

namespace llm::chat::jinja {

std::span<const NamedFunction> string_methods();

}  // namespace llm::chat::jinja
