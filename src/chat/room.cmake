# Case and classes of characters, for Python's string methods.
target_link_libraries(chat PRIVATE PkgConfig::UTF8PROC)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  # False alarm of GCC 12 on `"text" + std::string` (GCC bug 105329).
  target_compile_options(chat PRIVATE -Wno-restrict)
endif()
