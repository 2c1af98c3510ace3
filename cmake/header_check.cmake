# Target `header_check`: every header of src/ compiles alone.
file(GLOB_RECURSE headers CONFIGURE_DEPENDS RELATIVE ${CMAKE_SOURCE_DIR}/src ${CMAKE_SOURCE_DIR}/src/*.h)
set(units)
foreach(header ${headers})
  if(header MATCHES "/isa/")
    continue()  # compiled with the flags of their own folder only
  endif()
  set(unit ${CMAKE_BINARY_DIR}/header_check/${header}.cpp)
  file(GENERATE OUTPUT ${unit} CONTENT "#include \"${header}\"\n")
  list(APPEND units ${unit})
endforeach()
add_library(header_check OBJECT EXCLUDE_FROM_ALL ${units})
target_link_libraries(header_check PRIVATE server router)
