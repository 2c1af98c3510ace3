#include "router/model_files.h"

#include <gmock/gmock.h>

#include "base/error.h"
#include "router/temporary_folder.h"

namespace llm::router {
namespace {

using testing::ElementsAre;
using testing::FieldsAre;
using testing::IsEmpty;

TEST(ModelsDirectory, FilesAndFoldersAreModels) {
  const TemporaryFolder dir;
  dir.write("small.gguf");
  dir.write("notes.txt");
  dir.write(".hidden.gguf");
  dir.write("big-00001-of-00002.gguf");
  dir.write("big-00002-of-00002.gguf");
  dir.write("folder/weights.gguf");
  dir.write("folder/README.md");
  dir.write("split/part-00002-of-00002.gguf");
  dir.write("split/part-00001-of-00002.gguf");
  dir.write("seeing/mmproj-f16.gguf");
  dir.write("seeing/text.gguf");
  dir.write("empty/nothing.txt");
  EXPECT_THAT(
      scan_models_dir(dir.path()),
      ElementsAre(FieldsAre("big", dir / "big-00001-of-00002.gguf", ""),
                  FieldsAre("folder", dir / "folder/weights.gguf", ""),
                  FieldsAre("seeing", dir / "seeing/text.gguf", dir / "seeing/mmproj-f16.gguf"),
                  FieldsAre("small", dir / "small.gguf", ""),
                  FieldsAre("split", dir / "split/part-00001-of-00002.gguf", "")));
}

TEST(ModelsDirectory, AFileBeatsAFolderOfTheSameName) {
  const TemporaryFolder dir;
  dir.write("a/x.gguf");
  dir.write("a.gguf");
  EXPECT_THAT(scan_models_dir(dir.path()), ElementsAre(FieldsAre("a", dir / "a.gguf", "")));
}

TEST(ModelsDirectory, ThatIsNotThereIsAnError) {
  EXPECT_THROW(scan_models_dir("/no/such/directory"), Error);
}

TEST(DownloadCache, RepositoriesAreNamedWithTheirQuantisation) {
  const TemporaryFolder cache;
  const std::string repo = "models--ggml-org--gemma-GGUF/";
  cache.write(repo + "refs/main", "bbb\n");
  cache.write(repo + "snapshots/aaa/gemma-Q8_0.gguf");
  cache.write(repo + "snapshots/bbb/gemma-Q4_K_M.gguf");
  cache.write(repo + "snapshots/bbb/mmproj-gemma-f16.gguf");
  cache.write("models--somebody--tiny/snapshots/ccc/tiny.gguf");
  cache.write("datasets--x--y/snapshots/ccc/z.gguf");
  cache.write("models--broken/snapshots/ccc/z.gguf");
  const std::string snapshot = cache / (repo + "snapshots/bbb/");
  EXPECT_THAT(scan_cache(cache.path()),
              ElementsAre(FieldsAre("ggml-org/gemma-GGUF:Q4_K_M", snapshot + "gemma-Q4_K_M.gguf",
                                    snapshot + "mmproj-gemma-f16.gguf"),
                          FieldsAre("somebody/tiny",
                                    cache / "models--somebody--tiny/snapshots/ccc/tiny.gguf", "")));
}

TEST(DownloadCache, ThatIsNotThereHoldsNothing) {
  EXPECT_THAT(scan_cache("/no/such/cache"), IsEmpty());
  EXPECT_THAT(scan_cache(""), IsEmpty());
}

TEST(DownloadCache, AnUnfinishedDownloadIsNoModel) {
  const TemporaryFolder cache;
  cache.write("models--a--b/refs/main", "r");
  std::filesystem::create_directories(cache / "models--a--b/snapshots/r");
  std::filesystem::create_symlink("../../blobs/missing",
                                  cache / "models--a--b/snapshots/r/m-F16.gguf");
  EXPECT_THAT(scan_cache(cache.path()), IsEmpty());
}

TEST(Quantisation, IsReadFromTheNameOfAFile) {
  EXPECT_EQ(quant_of("model-Q4_K_M.gguf"), "Q4_K_M");
  EXPECT_EQ(quant_of("model.iq2_xxs.gguf"), "IQ2_XXS");
  EXPECT_EQ(quant_of("model-bf16-00001-of-00003.gguf"), "BF16");
  EXPECT_EQ(quant_of("gpt-oss-20b-mxfp4.gguf"), "MXFP4");
  EXPECT_EQ(quant_of("model.gguf"), "");
  EXPECT_EQ(quant_of("model-finetuned.gguf"), "");
  EXPECT_EQ(quant_of("readme.md"), "");
}

}  // namespace
}  // namespace llm::router
