#include "hub/cache.h"

#include <gmock/gmock.h>

#include <map>

#include "base/error.h"
#include "folder.h"

namespace llm::hub {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

std::string directory(const std::map<std::string, std::string>& variables) {
  return cache_directory([&](const char* name) {
           const auto found = variables.find(name);
           return found == variables.end() ? nullptr : found->second.c_str();
         })
      .string();
}

std::vector<std::string> names(const Folder& cache) {
  std::vector<std::string> out;
  for (const auto& model : cached_models(cache.path)) out.push_back(model.name);
  return out;
}

/// Stores a file the way a download does.
void store(const Folder& cache, const std::string& repo, const std::string& commit,
           const std::string& path, const std::string& blob, const std::string& text = "GGUF") {
  const RepoCache files(cache.path, repo);
  cache.write(files.blob(blob).lexically_relative(cache.path).string(), text);
  files.link(commit, {.path = path, .size = text.size(), .sha256 = "", .blob = blob});
  files.set_main(commit);
}

TEST(CacheDirectory, TheFirstVariableThatIsSetNamesIt) {
  std::map<std::string, std::string> variables = {{"HOME", "/h"}};
  EXPECT_EQ(directory(variables), "/h/.cache/huggingface/hub");
  variables["XDG_CACHE_HOME"] = "/x";
  EXPECT_EQ(directory(variables), "/x/huggingface/hub");
  variables["HF_HOME"] = "/f";
  EXPECT_EQ(directory(variables), "/f/hub");
  variables["HUGGINGFACE_HUB_CACHE"] = "/g";
  EXPECT_EQ(directory(variables), "/g");
  variables["HF_HUB_CACHE"] = "/c";
  EXPECT_EQ(directory(variables), "/c");
  variables["LLAMA_CACHE"] = "";
  EXPECT_EQ(directory(variables), "/c") << "an empty variable counts as not set";
  variables["LLAMA_CACHE"] = "/l";
  EXPECT_EQ(directory(variables), "/l");
  EXPECT_THROW(directory({}), Error);
}

TEST(Cache, AFileIsALinkToItsContent) {
  const Folder cache;
  store(cache, "me/tiny", "c0ffee1", "sub/m-Q8_0.gguf", "ab");
  const auto link = cache.path / "models--me--tiny/snapshots/c0ffee1/sub/m-Q8_0.gguf";
  EXPECT_EQ(std::filesystem::read_symlink(link), "../../../blobs/ab");
  EXPECT_EQ(cache.read("models--me--tiny/snapshots/c0ffee1/sub/m-Q8_0.gguf"), "GGUF");
  EXPECT_EQ(cache.read("models--me--tiny/refs/main"), "c0ffee1");
}

TEST(Cache, ListsWholeModelsByName) {
  const Folder cache;
  EXPECT_THAT(names(cache), IsEmpty());
  store(cache, "me/tiny", "c1", "m-Q8_0.gguf", "aa");
  store(cache, "me/tiny", "c1", "m-Q4_K_M-00001-of-00002.gguf", "ab");
  store(cache, "me/tiny", "c1", "mmproj-F16.gguf", "ac", "projector");
  store(cache, "an/other", "c2", "x-BF16-00001-of-00002.gguf", "ad", "12");
  store(cache, "an/other", "c2", "x-BF16-00002-of-00002.gguf", "ae", "345");
  cache.write("models--broken/snapshots/c/x.gguf", "1");
  cache.write("models--..--evil/snapshots/c/x.gguf", "1");
  cache.write("unrelated.gguf", "1");
  EXPECT_THAT(names(cache), ElementsAre("an/other:BF16", "me/tiny:Q8_0"))
      << "a model whose second part is missing is not there";
  const auto models = cached_models(cache.path);
  EXPECT_EQ(models[0].size, 5u);
  EXPECT_EQ(models[0].path.filename(), "x-BF16-00001-of-00002.gguf");
  EXPECT_EQ(models[1].projector.filename(), "mmproj-F16.gguf");
}

TEST(Cache, TheCommitSeenLastComesFirst) {
  const Folder cache;
  store(cache, "me/tiny", "bbb", "m-Q8_0.gguf", "aa", "old");
  store(cache, "me/tiny", "ccc", "m-Q8_0.gguf", "ab", "newest");
  EXPECT_EQ(cached_models(cache.path).at(0).size, 6u);
  RepoCache(cache.path, "me/tiny").set_main("bbb");
  EXPECT_EQ(cached_models(cache.path).at(0).size, 3u);
}

TEST(Cache, RemovingAModelKeepsTheOthers) {
  const Folder cache;
  store(cache, "me/tiny", "c1", "m-Q8_0.gguf", "aa");
  store(cache, "me/tiny", "c1", "m-Q4_0.gguf", "ab");
  EXPECT_FALSE(remove_cached(cache.path, "me/tiny:F16"));
  EXPECT_TRUE(remove_cached(cache.path, "me/tiny:q8_0"));
  EXPECT_FALSE(cache.has("models--me--tiny/blobs/aa"));
  EXPECT_TRUE(cache.has("models--me--tiny/blobs/ab"));
  EXPECT_THAT(names(cache), ElementsAre("me/tiny:Q4_0"));
  EXPECT_TRUE(remove_cached(cache.path, "me/tiny"));
  EXPECT_FALSE(cache.has("models--me--tiny"));
  EXPECT_THROW(remove_cached(cache.path, "../x"), Error);
}

TEST(Cache, AContentThatAnotherCommitUsesStays) {
  const Folder cache;
  store(cache, "me/tiny", "c1", "m-Q8_0.gguf", "aa");
  store(cache, "me/tiny", "c1", "n-Q4_0.gguf", "aa");
  EXPECT_TRUE(remove_cached(cache.path, "me/tiny:Q8_0"));
  EXPECT_TRUE(cache.has("models--me--tiny/blobs/aa"));
}

}  // namespace
}  // namespace llm::hub
