# The modules that web/ loads: build/<preset>/whittle-<tier>[-threads][-runtime].{mjs,wasm}.
#
#   bindings/*.cpp            in every module
#   bindings/compress/*.cpp   only in the full flavour: what the runtime flavour leaves out
#
# The bindings are compiled with WHITTLE_FLAVOUR_FULL or WHITTLE_FLAVOUR_RUNTIME defined.

whittle_sources(bindings_all bindings/*.cpp)
set(bindings_compress ${bindings_all})
list(FILTER bindings_compress INCLUDE REGEX "/bindings/compress/")
set(bindings_common ${bindings_all})
list(REMOVE_ITEM bindings_common ${bindings_compress})
if(NOT bindings_common)
  return()
endif()

add_library(whittle_bindings_full OBJECT EXCLUDE_FROM_ALL ${bindings_all})
target_link_libraries(whittle_bindings_full PUBLIC whittle_compress)
whittle_use_precompiled(whittle_bindings_full)
target_compile_definitions(whittle_bindings_full PRIVATE WHITTLE_FLAVOUR_FULL=1)

add_library(whittle_bindings_runtime OBJECT EXCLUDE_FROM_ALL ${bindings_common})
target_link_libraries(whittle_bindings_runtime PUBLIC whittle_measure whittle_onnx)
whittle_use_precompiled(whittle_bindings_runtime)
target_compile_definitions(whittle_bindings_runtime PRIVATE WHITTLE_FLAVOUR_RUNTIME=1)

function(whittle_module tier flavour)
  set(name whittle-${tier})
  if(WHITTLE_THREADS)
    string(APPEND name -threads)
  endif()
  if(flavour STREQUAL runtime)
    string(APPEND name -runtime)
    set(default EXCLUDE_FROM_ALL)
  endif()
  add_executable(${name} ${default} $<TARGET_OBJECTS:whittle_bindings_${flavour}>)
  target_link_libraries(${name} PRIVATE whittle_bindings_${flavour} whittle_kernels_${tier})
  target_link_options(${name} PRIVATE ${WHITTLE_WASM_LINK} -sEXPORT_NAME=createWhittle)
  set_target_properties(${name} PROPERTIES SUFFIX .mjs
    RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR})
endfunction()

if(WHITTLE_SCALAR)
  set(tiers scalar)
else()
  set(tiers simd128 relaxed)
endif()
foreach(tier ${tiers})
  whittle_module(${tier} full)
  whittle_module(${tier} runtime)
endforeach()
