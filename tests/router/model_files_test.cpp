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

}  // namespace
}  // namespace llm::router
