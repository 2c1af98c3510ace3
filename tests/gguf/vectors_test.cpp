// The small good and hostile files kept outside the repository: every verdict must be met.
#include <gtest/gtest.h>

#include "base/error.h"
#include "base/json.h"
#include "gguf/reader.h"
#include "shared_files.h"

namespace llm::gguf {
namespace {

using llm::test::read_file;
using llm::test::shared_dir;

TEST(GgufVectors, EveryFileMeetsItsVerdict) {
  LLM_NEED_SHARED("vectors/gguf/manifest.json");
  const auto folder = shared_dir() / "vectors/gguf";
  const auto manifest = read_file(folder / "manifest.json");
  const Json cases = Json::parse(manifest.begin(), manifest.end());
  EXPECT_GE(cases.size(), 73U);
  for (const Json& c : cases) {
    const std::string file = c["file"];
    for (const OpenOptions& options :
         {OpenOptions{}, OpenOptions{.use_mmap = false}, OpenOptions{.with_data = false}}) {
      std::string verdict = "accept";
      std::string message;
      try {
        File::open(folder / file, options);
      } catch (const Error& error) {
        verdict = "reject";
        message = error.what();
        EXPECT_NE(message.find(file), message.npos) << message;
      }
      EXPECT_EQ(verdict, c["expect"].get<std::string>()) << file << ": " << message;
    }
  }
}

TEST(GgufVectors, AllValueTypesAreRead) {
  LLM_NEED_SHARED("vectors/gguf/ok-all-types.gguf");
  const File file = File::open(shared_dir() / "vectors/gguf/ok-all-types.gguf");
  int types_seen = 0;
  for (const auto& [key, value] : file.metadata().entries()) types_seen |= 1 << int(value.type());
  EXPECT_EQ(types_seen, (1 << 13) - 1);
}

TEST(GgufVectors, VocabulariesAndModelsOpen) {
  LLM_NEED_SHARED("vectors/tokenizers");
  int opened = 0;
  for (const char* folder : {"vectors/tokenizers", "vectors/archs", "vectors/quant-models"}) {
    for (const auto& entry : std::filesystem::recursive_directory_iterator(shared_dir() / folder)) {
      if (entry.path().extension() != ".gguf") continue;
      const File file = File::open(entry.path());
      EXPECT_FALSE(file.metadata().entries().empty()) << entry.path();
      for (const TensorInfo& t : file.tensors()) {
        EXPECT_EQ(t.bytes.size(), t.byte_size());
        EXPECT_EQ(file.find_tensor(t.name), &t);
      }
      ++opened;
    }
  }
  EXPECT_GT(opened, 100);
}

}  // namespace
}  // namespace llm::gguf
