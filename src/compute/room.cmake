# Nothing fuses a product and a sum unless a kernel says so: bits of results are part of the promise.
target_compile_options(compute PRIVATE -ffp-contract=off)

# Each folder of cpu/isa/ is one instruction set and is compiled for it, whatever the rest is
# compiled for; which of them run is decided when the program starts (cpu/isa/select.cpp).
# Other processors, and builds that leave a set out, get empty folders.
set(LLAMA_CPU_ISAS "avx2;avx512;avx512_vnni;avx512_bf16;amx;neon" CACHE STRING
    "instruction sets besides portable code")
set(compute_flags_avx2 -mavx2 -mfma -mf16c)
set(compute_flags_avx512 ${compute_flags_avx2} -mavx512f -mavx512bw -mavx512dq -mavx512vl)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  # GCC 12 takes its own intrinsics' undefined operands for mistakes.
  list(APPEND compute_flags_avx512 -Wno-uninitialized -Wno-maybe-uninitialized)
endif()
set(compute_flags_avx512_vnni ${compute_flags_avx512} -mavx512vnni)
set(compute_flags_amx ${compute_flags_avx512_vnni} -mamx-tile -mamx-bf16)
set(compute_flags_avx512_bf16 ${compute_flags_avx512_vnni} -mavx512bf16)
set(compute_flags_neon -march=armv8.2-a+dotprod)
set(compute_isas_here)
if(CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64|amd64")
  set(compute_isas_here avx2 avx512 avx512_vnni avx512_bf16 amx)
elseif(CMAKE_SYSTEM_PROCESSOR MATCHES "aarch64|arm64")
  set(compute_isas_here neon)
endif()
foreach(isa avx2 avx512 avx512_vnni avx512_bf16 amx neon)
  set(isa_sources ${room_sources})
  list(FILTER isa_sources INCLUDE REGEX "/cpu/isa/${isa}/")
  if(isa IN_LIST LLAMA_CPU_ISAS AND isa IN_LIST compute_isas_here)
    set_source_files_properties(${isa_sources} PROPERTIES
                                COMPILE_OPTIONS "${compute_flags_${isa}}")
    string(TOUPPER ${isa} isa_upper)
    target_compile_definitions(compute PRIVATE LLAMA_ISA_${isa_upper}=1)
  else()
    set_source_files_properties(${isa_sources} PROPERTIES HEADER_FILE_ONLY ON)
  endif()
endforeach()

# A library of its own, see cmake/cuda.cmake; the tests compile it for the CPU.
set(cuda_sources ${room_sources})
list(FILTER cuda_sources INCLUDE REGEX "/compute/cuda/")
set_source_files_properties(${cuda_sources} PROPERTIES HEADER_FILE_ONLY ON)
