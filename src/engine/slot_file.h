// Slots as files: their tokens and the pages with their keys and values (--slot-save-path).
//
// Layout, little-endian: magic "LLMSLOT\n", version u32, tokens per page u32, state key u64, bytes
// per page u64, tokens u32, exact tokens u32, checksum u64 of what precedes; the tokens as i32 and
// their checksum u64; then every page and its checksum u64. Checksums are XXH3 with the place in
// the file as seed, so that pages cannot change places. The state key (Engine::state_key) tells
// whether the pages mean anything here.
//
// A file is written beside its place without a name, then takes it at once: whatever happens, the
// old file is whole or the new one is. Any thread; blocks.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "engine/engine.h"

namespace llm {

/// True for a name that a client may choose: 1 to 255 bytes of UTF-8 without control characters,
/// separators of paths and characters that have a meaning somewhere, no "..", no blanks at the
/// ends, no dot at the end.
bool is_slot_file_name(std::string_view name);

/// Returns the bytes written. Throws Error (no space left, no permission): the old file, if there
/// was one, is still there then, and nothing else is.
std::int64_t write_slot_file(const std::string& folder, const std::string& name,
                             const SlotState& state, std::uint64_t state_key);

/// A file that is being read. Everything is checked before it is used; Error says what is wrong.
class SlotFile {
 public:
  /// What the file must fit to.
  struct Expected {
    std::uint64_t state_key;
    int most_tokens;
    int vocab;  // ids are below it
  };
  SlotFile(const std::string& path, const Expected& expected);
  ~SlotFile();
  SlotFile(const SlotFile&) = delete;
  SlotFile& operator=(const SlotFile&) = delete;

  const std::vector<TokenId>& tokens() const { return tokens_; }
  int exact_tokens() const { return exact_tokens_; }
  std::int64_t bytes() const { return bytes_; }
  /// The pages into a state that was reserved for tokens().
  void read_pages(SlotState& state);

 private:
  void read(void* to, std::size_t count);
  void check(const void* bytes, std::size_t count, std::uint64_t place);

  int file_ = -1;
  std::vector<TokenId> tokens_;
  int exact_tokens_ = 0;
  std::uint64_t page_bytes_ = 0;
  std::int64_t bytes_ = 0;
};

/// Removes what saves that were cut off (power, kill) left in the folder.
void clean_slot_folder(const std::string& folder);

}  // namespace llm
