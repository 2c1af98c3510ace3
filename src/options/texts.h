// Small readers of texts that several flags share.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace llm::options {

/// Whole decimal integer within [low, high]; Error that begins with `flag` otherwise.
std::int64_t integer(std::string_view flag, std::string_view text, std::int64_t low,
                     std::int64_t high);
/// Finite decimal number within [low, high]; Error otherwise.
double number(std::string_view flag, std::string_view text, double low, double high);

std::vector<std::string_view> split(std::string_view text, char separator);
std::string_view trimmed(std::string_view text);
/// Comma-separated fields, each bare or in double quotes ("" inside for a quote). Error when a
/// quote is not closed.
std::vector<std::string> csv(std::string_view flag, std::string_view text);
/// Fields between commas without blanks around them; empty ones are dropped.
std::vector<std::string> comma_list(std::string_view text);
/// Content of a file; Error that begins with `flag` when it cannot be read.
std::string read_file(std::string_view flag, const std::string& path);

}  // namespace llm::options
