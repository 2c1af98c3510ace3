// The families of models, one row each. A family is a file in this folder with a function that
// reads its hyper-parameters and returns the model.
#pragma once

#include <memory>
#include <span>
#include <string_view>

#include "model/model.h"

namespace llm {

class ModelReader;

struct Family {
  std::string_view name;  // general.architecture
  std::unique_ptr<Model> (*make)(ModelReader& reader);
};

std::span<const Family> families();

std::unique_ptr<Model> make_llama(ModelReader& reader);
std::unique_ptr<Model> make_qwen2(ModelReader& reader);
std::unique_ptr<Model> make_qwen3(ModelReader& reader);
std::unique_ptr<Model> make_qwen3moe(ModelReader& reader);
std::unique_ptr<Model> make_gemma3(ModelReader& reader);

}  // namespace llm
