# Compiler flags of everything we compile, on target whittle_flags. The wasm flags, with the reason
# of each, are in emsdk-config/flags.cmake.

add_library(whittle_flags INTERFACE)
target_include_directories(whittle_flags INTERFACE ${CMAKE_CURRENT_SOURCE_DIR}
  ${CMAKE_CURRENT_BINARY_DIR}/generated)
target_compile_options(whittle_flags INTERFACE -Wall -Wextra -Wshadow)

# For what takes longer to compile than to run under the sanitizers: tests, and all that writes JSON.
add_library(whittle_quick INTERFACE)
if(WHITTLE_SANITIZE)
  target_compile_options(whittle_quick INTERFACE -O0)
endif()

find_program(CCACHE ccache)
if(CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CCACHE})
endif()

if(EMSCRIPTEN)
  include(${CMAKE_CURRENT_SOURCE_DIR}/emsdk-config/flags.cmake)
  # Global, because GoogleTest and every object of a module must agree on these.
  add_compile_options(${WHITTLE_WASM_COMPILE} ${WHITTLE_WASM_OBJECTS})
  add_link_options(${WHITTLE_WASM_COMPILE})
else()
  find_package(Threads REQUIRED)
  target_link_libraries(whittle_flags INTERFACE Threads::Threads)
  # The SIMD kernels run through SIMDe, whose wasm forms map to SSE: x86-64-v2 has what they need.
  # No fused multiply-add: contraction would make native results differ from wasm's.
  add_compile_options(-ffp-contract=off)
  if(CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64")
    add_compile_options(-march=x86-64-v2)
  endif()
  if(WHITTLE_SANITIZE)
    add_compile_options(-fsanitize=address,undefined -fno-sanitize-recover=undefined
      -fno-omit-frame-pointer)
    add_link_options(-fsanitize=address,undefined)
    if(CMAKE_CXX_COMPILER_ID MATCHES Clang)
      add_compile_options(-fsanitize-ignorelist=${CMAKE_CURRENT_LIST_DIR}/sanitizer_ignorelist.txt)
    endif()
  endif()
endif()
