# Parsing the standard library's headers is most of the time a small file takes to compile (80 % in
# the wasm build): they are parsed once a build. The files still include what they use.

file(WRITE ${CMAKE_CURRENT_BINARY_DIR}/generated/empty.cpp.new "")
file(COPY_FILE ${CMAKE_CURRENT_BINARY_DIR}/generated/empty.cpp.new
  ${CMAKE_CURRENT_BINARY_DIR}/generated/empty.cpp ONLY_IF_DIFFERENT)

function(whittle_precompiled name)
  add_library(${name} OBJECT EXCLUDE_FROM_ALL ${CMAKE_BINARY_DIR}/generated/empty.cpp)
  target_link_libraries(${name} PRIVATE whittle_flags whittle_deps)
  target_precompile_headers(${name} PRIVATE <algorithm> <array> <cmath> <cstdint> <cstring>
    <functional> <limits> <map> <memory> <numeric> <optional> <span> <sstream> <string>
    <string_view> <unordered_map> <variant> <vector> ${ARGN})
  if(CMAKE_CXX_COMPILER_ID MATCHES Clang)
    # ccache compares contents, not times.
    target_compile_options(${name} PRIVATE "SHELL:-Xclang -fno-pch-timestamp")
  endif()
endfunction()

whittle_precompiled(whittle_precompiled_std)
whittle_precompiled(whittle_precompiled_json ${CMAKE_SOURCE_DIR}/core/base/json.h)
target_link_libraries(whittle_precompiled_json PRIVATE whittle_quick)

# Lets a target with the common flags use the headers parsed for `whittle_precompiled_std`, or
# another set given.
function(whittle_use_precompiled target)
  set(from whittle_precompiled_std)
  if(ARGN)
    set(from ${ARGN})
  endif()
  target_precompile_headers(${target} REUSE_FROM ${from})
  if(CMAKE_CXX_COMPILER_ID MATCHES Clang)
    target_compile_options(${target} PRIVATE "SHELL:-Xclang -fno-pch-timestamp")
  endif()
endfunction()
