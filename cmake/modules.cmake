# The modules that web/ loads: build/<preset>/whittle-<tier>[-threads][-runtime].{mjs,wasm}.
#
#   bindings/*.cpp            in every module
#   bindings/compress/*.cpp   only in the full flavour: what the runtime flavour leaves out
#   bindings/threads/*.cpp    one of them: the thread pool
#
# The bindings are compiled with WHITTLE_FLAVOUR_FULL or WHITTLE_FLAVOUR_RUNTIME defined.

whittle_sources(bindings_all bindings/*.cpp)
list(FILTER bindings_all EXCLUDE REGEX "/bindings/threads/")
set(bindings_common ${bindings_all})
list(FILTER bindings_common EXCLUDE REGEX "/bindings/compress/")

# An object library of the bindings or a part of them.
function(whittle_bindings name)
  cmake_parse_arguments(arg "" "" "SOURCES;NEEDS;DEFINITIONS" ${ARGN})
  add_library(whittle_bindings_${name} OBJECT EXCLUDE_FROM_ALL ${arg_SOURCES})
  target_link_libraries(whittle_bindings_${name} PUBLIC ${arg_NEEDS})
  target_compile_definitions(whittle_bindings_${name} PRIVATE ${arg_DEFINITIONS})
  whittle_use_precompiled(whittle_bindings_${name} whittle_precompiled_json)
endfunction()

whittle_bindings(full SOURCES ${bindings_all} NEEDS whittle_compress
  DEFINITIONS WHITTLE_FLAVOUR_FULL=1)
whittle_bindings(runtime SOURCES ${bindings_common} NEEDS whittle_measure whittle_onnx
  DEFINITIONS WHITTLE_FLAVOUR_RUNTIME=1)
whittle_bindings(serial SOURCES bindings/threads/serial.cpp NEEDS whittle_base)
whittle_bindings(threads SOURCES bindings/threads/worker_pool.cpp NEEDS whittle_base)

# whittle_module(<tier> <flavour> <pool>)
function(whittle_module tier flavour pool)
  set(name whittle-${tier})
  if(pool STREQUAL threads)
    string(APPEND name -threads)
  endif()
  if(flavour STREQUAL runtime)
    string(APPEND name -runtime)
    set(default EXCLUDE_FROM_ALL)
  endif()
  add_executable(${name} ${default} $<TARGET_OBJECTS:whittle_bindings_${flavour}>
    $<TARGET_OBJECTS:whittle_bindings_${pool}>)
  target_link_libraries(${name} PRIVATE whittle_bindings_${flavour} whittle_kernels_${tier})
  target_link_options(${name} PRIVATE ${WHITTLE_WASM_LINK} -sEXPORT_NAME=createWhittle)
  if(pool STREQUAL threads)
    target_link_options(${name} PRIVATE ${WHITTLE_WASM_LINK_THREADS})
  endif()
  set_target_properties(${name} PROPERTIES SUFFIX .mjs
    RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR})
endfunction()

foreach(flavour full runtime)
  whittle_module(scalar ${flavour} serial)
  foreach(tier simd128 relaxed)
    whittle_module(${tier} ${flavour} serial)
    whittle_module(${tier} ${flavour} threads)
  endforeach()
endforeach()
