# cmake -DOUTPUT=<source> -DDIRECTORY=<files> -P embed_page.cmake
# Writes a C++ source that holds every file of the directory (see src/server/page.cpp).
file(GLOB files RELATIVE ${DIRECTORY} ${DIRECTORY}/*)
list(SORT files)
set(arrays "")
set(rows "")
set(count 0)
foreach(name ${files})
  get_filename_component(extension ${name} LAST_EXT)
  string(SUBSTRING "${extension}" 1 -1 extension)
  set(type "application/octet-stream")
  if(extension STREQUAL "html")
    set(type "text/html; charset=utf-8")
  elseif(extension STREQUAL "css")
    set(type "text/css; charset=utf-8")
  elseif(extension STREQUAL "js")
    set(type "text/javascript; charset=utf-8")
  elseif(extension STREQUAL "svg")
    set(type "image/svg+xml")
  endif()
  file(READ ${DIRECTORY}/${name} hex HEX)
  file(SHA256 ${DIRECTORY}/${name} hash)
  string(SUBSTRING "${hash}" 0 16 hash)
  string(REGEX REPLACE "(..)" "0x\\1," bytes "${hex}")
  string(APPEND arrays "const unsigned char kFile${count}[] = {${bytes}};\n")
  string(APPEND rows "    {\"/${name}\", \"${type}\", text(kFile${count}), \"\\\"${hash}\\\"\"},\n")
  math(EXPR count "${count} + 1")
endforeach()
file(WRITE ${OUTPUT} "// Generated from src/server/page; do not edit.
#include <cstddef>
#include <string_view>

namespace llm::server {

struct PageFile {
  std::string_view path, type, bytes, etag;
};

namespace {
${arrays}
template <std::size_t N>
std::string_view text(const unsigned char (&bytes)[N]) {
  return {reinterpret_cast<const char*>(bytes), N};
}
}  // namespace

extern const PageFile kPageFiles[];
extern const int kPageFileCount;
const PageFile kPageFiles[] = {
${rows}};
const int kPageFileCount = ${count};

}  // namespace llm::server
")
