# The chat page (page/*) becomes one generated source: the bytes of each file as a raw array.
file(GLOB page_files CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/src/server/page/*)
set(page_source ${CMAKE_BINARY_DIR}/generated/page_files.cpp)
add_custom_command(
  OUTPUT ${page_source}
  COMMAND ${CMAKE_COMMAND} "-DOUTPUT=${page_source}" "-DDIRECTORY=${CMAKE_SOURCE_DIR}/src/server/page"
          -P ${CMAKE_SOURCE_DIR}/cmake/embed_page.cmake
  DEPENDS ${page_files} ${CMAKE_SOURCE_DIR}/cmake/embed_page.cmake
  VERBATIM)
target_sources(server PRIVATE ${page_source})
