#include "model/file_type.h"

#include <map>
#include <string_view>

namespace llm {
namespace {

struct FileType {
  std::uint32_t number;
  std::string_view name;
  quant::Type main_type;
};

// One number can be guessed from each tensor type: the first row that has it.
constexpr FileType kFileTypes[] = {
    {0, "all F32", quant::Type::f32},
    {1, "F16", quant::Type::f16},
    {2, "Q4_0", quant::Type::q4_0},
    {3, "Q4_1", quant::Type::q4_1},
    {7, "Q8_0", quant::Type::q8_0},
    {8, "Q5_0", quant::Type::q5_0},
    {9, "Q5_1", quant::Type::q5_1},
    {10, "Q2_K - Medium", quant::Type::q2_k},
    {21, "Q2_K - Small", quant::Type::q2_k},
    {12, "Q3_K - Medium", quant::Type::q3_k},
    {11, "Q3_K - Small", quant::Type::q3_k},
    {13, "Q3_K - Large", quant::Type::q3_k},
    {15, "Q4_K - Medium", quant::Type::q4_k},
    {14, "Q4_K - Small", quant::Type::q4_k},
    {17, "Q5_K - Medium", quant::Type::q5_k},
    {16, "Q5_K - Small", quant::Type::q5_k},
    {18, "Q6_K", quant::Type::q6_k},
    {19, "IQ2_XXS - 2.0625 bpw", quant::Type::iq2_xxs},
    {20, "IQ2_XS - 2.3125 bpw", quant::Type::iq2_xs},
    {28, "IQ2_S - 2.5 bpw", quant::Type::iq2_s},
    {29, "IQ2_M - 2.7 bpw", quant::Type::iq2_s},
    {23, "IQ3_XXS - 3.0625 bpw", quant::Type::iq3_xxs},
    {22, "IQ3_XS - 3.3 bpw", quant::Type::iq3_s},
    {26, "IQ3_S - 3.4375 bpw", quant::Type::iq3_s},
    {27, "IQ3_S mix - 3.66 bpw", quant::Type::iq3_s},
    {24, "IQ1_S - 1.5625 bpw", quant::Type::iq1_s},
    {31, "IQ1_M - 1.75 bpw", quant::Type::iq1_m},
    {25, "IQ4_NL - 4.5 bpw", quant::Type::iq4_nl},
    {30, "IQ4_XS - 4.25 bpw", quant::Type::iq4_xs},
    {32, "BF16", quant::Type::bf16},
    {36, "TQ1_0 - 1.69 bpw ternary", quant::Type::tq1_0},
    {37, "TQ2_0 - 2.06 bpw ternary", quant::Type::tq2_0},
    {38, "MXFP4 MoE", quant::Type::mxfp4},
    {39, "NVFP4", quant::Type::nvfp4},
    {40, "Q1_0", quant::Type::q1_0},
    {41, "Q2_0", quant::Type::q2_0},
};
constexpr std::string_view kUnknown = "unknown, may not work";

std::string guessed(const gguf::File& file) {
  std::map<quant::Type, int> counts;
  for (const gguf::TensorInfo& tensor : file.tensors()) ++counts[tensor.type];
  quant::Type most = quant::Type::f32;
  int best = 0;
  for (const auto& [type, count] : counts) {
    if (count > best) {
      most = type;
      best = count;
    }
  }
  for (const FileType& row : kFileTypes) {
    if (row.main_type == most) return "(guessed) " + std::string(row.name);
  }
  return "(guessed) " + std::string(kUnknown);
}

}  // namespace

std::string file_type_name(const gguf::File& file) {
  const auto number = file.metadata().get<std::uint32_t>("general.file_type");
  if (!number) return guessed(file);
  for (const FileType& row : kFileTypes) {
    if (row.number == *number) return std::string(row.name);
  }
  return std::string(kUnknown);
}

}  // namespace llm
