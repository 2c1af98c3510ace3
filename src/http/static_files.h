// Files of one directory as answers to GET.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include "http/exchange.h"

namespace llm::http {

/// The file that `path` names below `root`; "index.html" where it ends in '/'. Nullopt when there
/// is none, when it would lie outside of `root` (also by a link), and for hidden files. `root` is
/// canonical.
std::optional<std::filesystem::path> find_static_file(const std::filesystem::path& root,
                                                      std::string_view path);

std::string_view content_type_of(const std::filesystem::path& file);

/// Answers GET and HEAD with ETag, Last-Modified, Range and 304; 404 when there is no such file.
/// Error when `directory` is none.
Handler static_file_handler(const std::string& directory);

}  // namespace llm::http
